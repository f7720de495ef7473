/** The sliding entries whose normals are independent, with the inverse of their Gram matrix, bordered as they come and go. */

/** A normal whose part outside the span of the others is smaller than this, squared, depends on them. */
const DEPENDENT = 1e-9;

export class Basis {
  readonly members: number[] = [];
  /** K_SS⁻¹ in the order of the members, rows of length `stride`. */
  readonly inverse: Float64Array;
  readonly #projection: Float64Array;

  /** @param gram K of all entries, `stride` of them */
  constructor(
    private readonly stride: number,
    private readonly gram: Float64Array,
  ) {
    this.inverse = new Float64Array(stride * stride);
    this.#projection = new Float64Array(stride);
  }

  /** Takes e in; false where its normal is in the span of the members'. */
  extend(e: number): boolean {
    const { stride: k, gram, members, inverse } = this;
    const projection = this.#projection;
    const m = members.length;
    const own = gram[e * k + e]!;
    let schur = own;
    for (let i = 0; i < m; i++) {
      let sum = 0;
      for (let j = 0; j < m; j++) sum += inverse[i * k + j]! * gram[e * k + members[j]!]!;
      projection[i] = sum;
      schur -= sum * gram[e * k + members[i]!]!;
    }
    if (!(schur > DEPENDENT * own)) return false;
    for (let i = 0; i < m; i++) {
      const part = projection[i]! / schur;
      for (let j = 0; j < m; j++) inverse[i * k + j]! += part * projection[j]!;
      inverse[i * k + m] = -part;
      inverse[m * k + i] = -part;
    }
    inverse[m * k + m] = 1 / schur;
    members.push(e);
    return true;
  }

  drop(e: number): void {
    const { stride: k, members, inverse } = this;
    const place = members.indexOf(e);
    const last = members.length - 1;
    if (place !== last) {
      for (let i = 0; i <= last; i++) {
        const kept = inverse[i * k + place]!;
        inverse[i * k + place] = inverse[i * k + last]!;
        inverse[i * k + last] = kept;
      }
      for (let j = 0; j <= last; j++) {
        const kept = inverse[place * k + j]!;
        inverse[place * k + j] = inverse[last * k + j]!;
        inverse[last * k + j] = kept;
      }
      members[place] = members[last]!;
    }
    members.pop();
    const corner = inverse[last * k + last]!;
    for (let i = 0; i < last; i++) {
      const part = inverse[i * k + last]! / corner;
      for (let j = 0; j < last; j++) inverse[i * k + j]! -= part * inverse[last * k + j]!;
    }
  }
}
