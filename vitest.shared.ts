import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const conditions = ["@user-service/source"]

/** The files that only `npm run test:long` runs. */
export const longTests = "test/**/*.long.test.ts"

/** The settings of the tests of all packages: workspace packages resolve to their sources, and the engines are detected once. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [longTests],
    globalSetup: [fileURLToPath(new URL("./vitest.engines.ts", import.meta.url))],
    // The files of one worker share its modules, which reduces the time of a run by two thirds: the modules are loaded and
    // compiled once. So no file may depend on the state of a module or leave a changed state behind.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 120_000
  }
})
