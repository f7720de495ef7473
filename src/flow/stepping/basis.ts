/** The sliding entries whose normals are independent, with the inverse of their Gram matrix, bordered as they come and go. */

/** A normal whose part outside the span of the others is smaller than this, squared, depends on them. */
const DEPENDENT = 1e-9;

export class Basis {
  readonly members: number[] = [];
  /** K_SS⁻¹ in the order of the members, rows of length `#stride`. */
  #inverse = new Float64Array(0);
  #stride = 0;
  #column = new Float64Array(0);
  #projection = new Float64Array(0);
  #count = 0;
  #gram: Float64Array = new Float64Array(0);

  /** Empties it. @param gram K of all entries, `count` of them */
  reset(count: number, gram: Float64Array): void {
    this.members.length = 0;
    this.#count = count;
    this.#gram = gram;
  }

  /** K_SS⁻¹K_Se in the order of the members; it stands until the next of these. */
  project(e: number): Float64Array {
    const { members } = this;
    const [column, gram] = [this.#column, this.#gram];
    const row = e * this.#count;
    for (let j = 0; j < members.length; j++) column[j] = gram[row + members[j]!]!;
    return this.#multiply();
  }

  /** K_SS⁻¹v_S in the order of the members. @param v of all entries */
  solve(v: Float64Array): Float64Array {
    const { members } = this;
    const column = this.#column;
    for (let j = 0; j < members.length; j++) column[j] = v[members[j]!]!;
    return this.#multiply();
  }

  /** Takes e in; false where its normal is in the span of the members'. */
  extend(e: number): boolean {
    const { members } = this;
    const m = members.length;
    if (m === this.#stride) this.#grow();
    const projection = this.project(e);
    const [inverse, stride, column] = [this.#inverse, this.#stride, this.#column];
    const own = this.#gram[e * this.#count + e]!;
    let schur = own;
    for (let i = 0; i < m; i++) schur -= projection[i]! * column[i]!;
    if (!(schur > DEPENDENT * own)) return false;
    for (let i = 0; i < m; i++) {
      const part = projection[i]! / schur;
      const row = i * stride;
      for (let j = 0; j < m; j++) inverse[row + j]! += part * projection[j]!;
      inverse[row + m] = -part;
      inverse[m * stride + i] = -part;
    }
    inverse[m * stride + m] = 1 / schur;
    members.push(e);
    return true;
  }

  drop(e: number): void {
    const { members } = this;
    const [inverse, stride] = [this.#inverse, this.#stride];
    const place = members.indexOf(e);
    const last = members.length - 1;
    if (place !== last) {
      for (let i = 0; i <= last; i++) {
        const kept = inverse[i * stride + place]!;
        inverse[i * stride + place] = inverse[i * stride + last]!;
        inverse[i * stride + last] = kept;
      }
      for (let j = 0; j <= last; j++) {
        const kept = inverse[place * stride + j]!;
        inverse[place * stride + j] = inverse[last * stride + j]!;
        inverse[last * stride + j] = kept;
      }
      members[place] = members[last]!;
    }
    members.pop();
    const corner = inverse[last * stride + last]!;
    for (let i = 0; i < last; i++) {
      const part = inverse[i * stride + last]! / corner;
      for (let j = 0; j < last; j++) inverse[i * stride + j]! -= part * inverse[last * stride + j]!;
    }
  }

  /** `#inverse` times `#column`: four rows side by side, for each sum waits for its last term. */
  #multiply(): Float64Array {
    const [inverse, stride, column, out] = [this.#inverse, this.#stride, this.#column, this.#projection];
    const m = this.members.length;
    let i = 0;
    for (; i + 3 < m; i += 4) {
      let [a, b, c, d] = [0, 0, 0, 0];
      let at = i * stride;
      for (let j = 0; j < m; j++, at++) {
        const x = column[j]!;
        a += inverse[at]! * x;
        b += inverse[at + stride]! * x;
        c += inverse[at + 2 * stride]! * x;
        d += inverse[at + 3 * stride]! * x;
      }
      out[i] = a;
      out[i + 1] = b;
      out[i + 2] = c;
      out[i + 3] = d;
    }
    for (; i < m; i++) {
      let sum = 0;
      for (let j = 0, at = i * stride; j < m; j++, at++) sum += inverse[at]! * column[j]!;
      out[i] = sum;
    }
    return out;
  }

  #grow(): void {
    const [before, own] = [this.#inverse, this.#stride];
    const stride = Math.max(16, 2 * own);
    const inverse = new Float64Array(stride * stride);
    for (let i = 0; i < own; i++) inverse.set(before.subarray(i * own, (i + 1) * own), i * stride);
    this.#inverse = inverse;
    this.#stride = stride;
    this.#projection = new Float64Array(stride);
    this.#column = new Float64Array(stride);
  }
}
