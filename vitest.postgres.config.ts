import { defineConfig } from "vitest/config"
import { projectsOf, withProjects } from "./vitest.config.ts"

const packages = ["packages/database", "packages/core", "apps/worker", "apps/cli"]

/** The integration tests of the packages with SQL of their own, which `npm run test:postgres` runs on the newest PostgreSQL. */
export default defineConfig(withProjects(projectsOf({ include: ["test/**/*.integration.test.ts"] }, packages)))
