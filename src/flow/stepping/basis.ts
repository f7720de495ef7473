/** The sliding entries whose normals are independent, with the Cholesky factor of their Gram matrix, which follows as they come and go. */

/** A normal whose part outside the span of the others is smaller than this, squared, depends on them. */
const DEPENDENT = 1e-9;

export class Basis {
  readonly members: number[] = [];
  /** L, LLᵀ = K_SS in the order of the members: row i begins at i(i + 1)/2. */
  #factor = new Float64Array(0);
  #solution = new Float64Array(0);
  /** Cosines and sines of the rotations of a drop. */
  #rotations = new Float64Array(0);
  #count = 0;
  #gram: Float64Array = new Float64Array(0);

  /** Empties it. @param gram K of all entries, `count` of them */
  reset(count: number, gram: Float64Array): void {
    this.members.length = 0;
    this.#count = count;
    this.#gram = gram;
    if (this.#solution.length >= count) return;
    this.#factor = new Float64Array((count * (count + 1)) / 2);
    this.#solution = new Float64Array(count);
    this.#rotations = new Float64Array(2 * count);
  }

  /** K_SS⁻¹K_Se in the order of the members; it stands until the next of these. */
  project(e: number): Float64Array {
    this.#takeColumn(e);
    return this.#solve();
  }

  /** K_SS⁻¹v_S in the order of the members, likewise. @param v of all entries */
  solve(v: Float64Array): Float64Array {
    const { members } = this;
    for (let j = 0; j < members.length; j++) this.#solution[j] = v[members[j]!]!;
    return this.#solve();
  }

  /** Takes e in; false where its normal is in the span of the members'. */
  extend(e: number): boolean {
    const m = this.members.length;
    this.#takeColumn(e);
    this.#reduce();
    const row = this.#solution;
    const own = this.#gram[e * this.#count + e]!;
    let outside = own;
    for (let j = 0; j < m; j++) outside -= row[j]! * row[j]!;
    if (!(outside > DEPENDENT * own)) return false;
    const at = (m * (m + 1)) / 2;
    for (let j = 0; j < m; j++) this.#factor[at + j] = row[j]!;
    this.#factor[at + m] = Math.sqrt(outside);
    this.members.push(e);
    return true;
  }

  /** Rows below the one that goes reach one column too far; rotations of neighbouring columns bring them back. */
  drop(e: number): void {
    const { members } = this;
    const [factor, rotations] = [this.#factor, this.#rotations];
    const place = members.indexOf(e);
    members.splice(place, 1);
    for (let i = place; i < members.length; i++) {
      const [to, from] = [(i * (i + 1)) / 2, ((i + 1) * (i + 2)) / 2];
      for (let j = 0; j < place; j++) factor[to + j] = factor[from + j]!;
      let last = factor[from + place]!;
      for (let j = place; j < i; j++) {
        const cosine = rotations[2 * j]!;
        const sine = rotations[2 * j + 1]!;
        const next = factor[from + j + 1]!;
        factor[to + j] = cosine * last + sine * next;
        last = cosine * next - sine * last;
      }
      const beyond = factor[from + i + 1]!;
      const diagonal = Math.sqrt(last * last + beyond * beyond);
      rotations[2 * i] = last / diagonal;
      rotations[2 * i + 1] = beyond / diagonal;
      factor[to + i] = diagonal;
    }
  }

  #takeColumn(e: number): void {
    const { members } = this;
    const row = e * this.#count;
    for (let j = 0; j < members.length; j++) this.#solution[j] = this.#gram[row + members[j]!]!;
  }

  #solve(): Float64Array {
    this.#reduce();
    const [factor, solution] = [this.#factor, this.#solution];
    for (let i = this.members.length - 1; i >= 0; i--) {
      const at = (i * (i + 1)) / 2;
      const value = solution[i]! / factor[at + i]!;
      solution[i] = value;
      for (let j = 0; j < i; j++) solution[j]! -= value * factor[at + j]!;
    }
    return solution;
  }

  /** `#solution` ← L⁻¹ of it. Four partial sums a row: one would wait for its last term. */
  #reduce(): void {
    const [factor, solution] = [this.#factor, this.#solution];
    const m = this.members.length;
    for (let i = 0, at = 0; i < m; i++) {
      let s0 = solution[i]!;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      let j = 0;
      for (; j + 3 < i; j += 4) {
        s0 -= factor[at + j]! * solution[j]!;
        s1 -= factor[at + j + 1]! * solution[j + 1]!;
        s2 -= factor[at + j + 2]! * solution[j + 2]!;
        s3 -= factor[at + j + 3]! * solution[j + 3]!;
      }
      for (; j < i; j++) s0 -= factor[at + j]! * solution[j]!;
      solution[i] = (s0 + s1 + (s2 + s3)) / factor[at + i]!;
      at += i + 1;
    }
  }
}
