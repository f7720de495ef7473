import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    maxWorkers: 2,
    reporters: ["default"],
    // A test that loads ONNX Runtime by itself sends nothing either.
    env: { ORT_DISABLE_TELEMETRY: "1" },
  },
});
