import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/*.test.ts", process.env.SALLYPORT_TEST_LONG ? "clients/*.test.ts" : "clients/{openid-client,binding}.test.ts"],
    exclude: process.env.SALLYPORT_SCREENS ? [] : ["tests/screens.test.ts"],
    globalSetup: "./lib/setup.ts",
    // A wait that never ends is a failure; how long things take is none.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
