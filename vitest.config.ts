import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Only against a test that hangs: what each may cost is limited by steps, evaluations and sizes, which no busy machine changes.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // A machine that was frozen and thawed may never answer a call to its disk: such a test alone is tried once more, and the report says so.
    retry: { count: 1, condition: /^Test timed out/ },
    maxWorkers: 2,
    reporters: ["default"],
    // A test that loads ONNX Runtime by itself sends nothing either.
    env: { ORT_DISABLE_TELEMETRY: "1" },
  },
});
