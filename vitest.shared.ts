import { defineConfig } from "vitest/config"

/** What every package's tests share: workspace packages resolve to their sources. */
export default defineConfig({
  resolve: { conditions: ["@user-service/source"] },
  ssr: { resolve: { conditions: ["@user-service/source"] } },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000
  }
})
