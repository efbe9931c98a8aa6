import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const conditions = ["@user-service/source"]

/** The files that `npm run test:long` runs, and no other command. */
export const longTests = "test/**/*.long.test.ts"

/** What every package's tests share: workspace packages resolve to their sources, and the engines are looked for once. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [longTests],
    globalSetup: [fileURLToPath(new URL("./vitest.engines.ts", import.meta.url))],
    // Files of a worker share its modules, which takes two thirds of the time of a run away: loading them, and running them
    // before they are compiled. No file may depend on a module's state, or leave any behind.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 120_000
  }
})
