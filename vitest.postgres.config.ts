import { defineConfig } from "vitest/config"
import { allPackages } from "./vitest.config.ts"

/** The tests with SQL of their own, which `npm run test:postgres` runs on the newest PostgreSQL. */
export default defineConfig(
  allPackages({ include: ["test/**/*.integration.test.ts"] }, [
    "packages/database",
    "packages/core",
    "apps/worker",
    "apps/cli"
  ])
)
