import { count, defineSource, noise, samples } from "./source.js";

export const barsAndBlobs = defineSource({
  kind: "bars-and-blobs",
  text: "Small images of three classes by turns, at random places: a horizontal bar, a vertical bar, a round blob. A sample is [1, size, size] where it is not flattened.",
  fields: {
    samples,
    size: count.min(4).max(256).default(8).describe("Height and width in pixels."),
    noise: noise("pixels"),
  },
  hasClasses: true,
  numbers: ({ samples: n, size }) => n * size * size,
  load({ samples: n, size, noise: spread }, { random }) {
    const [places, off] = [random.split("inputs"), random.split("noise")];
    const inputs = new Float64Array(n * size * size);
    for (let i = 0; i < n; i++) {
      const [row, column] = [places.integer(size), places.integer(size)];
      const brightness = (y: number, x: number): number => {
        if (i % 3 === 0) return y === row ? 1 : 0;
        if (i % 3 === 1) return x === column ? 1 : 0;
        return Math.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * (size / 8) ** 2));
      };
      for (let k = 0; k < size * size; k++)
        inputs[i * size * size + k] =
          brightness(Math.floor(k / size), k % size) + (spread > 0 ? spread * off.normal() : 0);
    }
    return {
      samples: n,
      inputShape: [1, size, size],
      inputs,
      labels: { kind: "classes", classes: Float64Array.from({ length: n }, (_, i) => i % 3), count: 3 },
    };
  },
});
