/**
 * Seeded random numbers. Knows nothing of what is drawn. The algorithm is xoroshiro128+ (Blackman & Vigna 2018,
 * from pure-rand); its 128-bit state is the head of SHA-256 over the seed and the names of the splits, so
 * that streams with different names are unrelated and no stream depends on how much another has drawn.
 */
import { createHash } from "node:crypto";
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plusFromState } from "pure-rand/generator/xoroshiro128plus";

/** One stream of random numbers. */
export interface Random {
  /** The stream of that name below this one: the same whatever has been drawn from this one. */
  split(name: string): Random;
  /** Uniform on [0, 1), a multiple of 2⁻⁵³. */
  uniform(): number;
  /** Standard normal (Marsaglia's polar method; both numbers of a pair are used). */
  normal(): number;
  /** Uniform on 0, 1, …, n − 1. */
  integer(n: number): number;
  /** Where the stream stands; `setPosition` goes on from there. */
  position(): RandomPosition;
  setPosition(position: RandomPosition): void;
}

/** The generator's words, and the second normal of a pair that is still to be handed out. */
export interface RandomPosition {
  readonly words: readonly number[];
  readonly spare: number | null;
}

/** The root stream of a seed. @throws RangeError unless the seed is an integer of at most 53 bits. */
export function createRandom(seed: number): Random {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`random: seed must be an integer, got ${seed}.`);
  return stream(JSON.stringify(["gradflow", seed]));
}

function stream(key: string): Random {
  const digest = createHash("sha256").update(key).digest();
  let generator = xoroshiro128plusFromState([0, 4, 8, 12].map((offset) => digest.readInt32LE(offset)));
  let spare: number | null = null;

  const uniform = () => uniformFloat64(generator);

  const normal = (): number => {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    for (;;) {
      const u = 2 * uniform() - 1;
      const v = 2 * uniform() - 1;
      const s = u * u + v * v;
      if (s === 0 || s >= 1) continue;
      const scale = Math.sqrt((-2 * Math.log(s)) / s);
      spare = v * scale;
      return u * scale;
    }
  };

  return {
    split: (name) => stream(`${key}/${JSON.stringify(name)}`),
    uniform,
    normal,
    integer: (n) => {
      if (!Number.isSafeInteger(n) || n < 1) {
        throw new RangeError(`random: integer(n) needs a positive integer n, got ${n}.`);
      }
      return uniformInt(generator, 0, n - 1);
    },
    position: () => ({ words: generator.getState(), spare }),
    setPosition(position) {
      generator = xoroshiro128plusFromState(position.words);
      spare = position.spare;
    },
  };
}
