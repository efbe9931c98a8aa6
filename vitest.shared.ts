import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const conditions = ["@user-service/source"]

/** What every package's tests share: workspace packages resolve to their sources, and the engines are looked for once. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: [fileURLToPath(new URL("./vitest.engines.ts", import.meta.url))],
    testTimeout: 60_000,
    hookTimeout: 120_000
  }
})
