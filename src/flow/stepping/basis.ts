/** The sliding entries whose normals are independent, with the inverse of their Gram matrix, bordered as they come and go. */

/** A normal whose part outside the span of the others is smaller than this, squared, depends on them. */
const DEPENDENT = 1e-9;

export class Basis {
  readonly members: number[] = [];
  /** K_SS⁻¹ in the order of the members, rows of length `stride`. */
  inverse = new Float64Array(0);
  stride = 0;
  #projection = new Float64Array(0);
  #count = 0;
  #gram: Float64Array = new Float64Array(0);

  /** Empties it. @param gram K of all entries, `count` of them */
  reset(count: number, gram: Float64Array): void {
    this.members.length = 0;
    this.#count = count;
    this.#gram = gram;
  }

  /** Takes e in; false where its normal is in the span of the members'. */
  extend(e: number): boolean {
    const { members } = this;
    const [k, gram] = [this.#count, this.#gram];
    const m = members.length;
    if (m === this.stride) this.#grow();
    const { inverse, stride } = this;
    const projection = this.#projection;
    const own = gram[e * k + e]!;
    let schur = own;
    for (let i = 0; i < m; i++) {
      let sum = 0;
      for (let j = 0; j < m; j++) sum += inverse[i * stride + j]! * gram[e * k + members[j]!]!;
      projection[i] = sum;
      schur -= sum * gram[e * k + members[i]!]!;
    }
    if (!(schur > DEPENDENT * own)) return false;
    for (let i = 0; i < m; i++) {
      const part = projection[i]! / schur;
      for (let j = 0; j < m; j++) inverse[i * stride + j]! += part * projection[j]!;
      inverse[i * stride + m] = -part;
      inverse[m * stride + i] = -part;
    }
    inverse[m * stride + m] = 1 / schur;
    members.push(e);
    return true;
  }

  drop(e: number): void {
    const { stride, members, inverse } = this;
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

  #grow(): void {
    const [before, own] = [this.inverse, this.stride];
    const stride = Math.max(16, 2 * own);
    const inverse = new Float64Array(stride * stride);
    for (let i = 0; i < own; i++) inverse.set(before.subarray(i * own, (i + 1) * own), i * stride);
    Object.assign(this, { inverse, stride });
    this.#projection = new Float64Array(stride);
  }
}
