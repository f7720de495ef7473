import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Only against a test that hangs: what each may cost is limited by steps, evaluations and sizes, which no busy machine changes.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    maxWorkers: 2,
    reporters: ["default"],
    // A test that loads ONNX Runtime by itself sends nothing either.
    env: { ORT_DISABLE_TELEMETRY: "1" },
  },
});
