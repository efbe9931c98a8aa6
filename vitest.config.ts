import { globSync, readFileSync } from "node:fs"
import { dirname } from "node:path"
import { defineConfig, type ViteUserConfig } from "vitest/config"
import shared from "./vitest.shared.ts"

const manifests = globSync("{packages,apps}/*/package.json", { cwd: import.meta.dirname })

/** Runs all packages with one report. The test script of a package runs only that package, with the shared settings. */
export const allPackages = (
  tests: Partial<NonNullable<ViteUserConfig["test"]>>,
  packages: ReadonlyArray<string> = manifests.map(dirname)
): ViteUserConfig => ({
  test: {
    ...shared.test,
    // The tests of several packages share two cores with the engines and with the programs that the tests start.
    maxWorkers: 2,
    ...tests,
    coverage: { include: ["packages/*/src/**", "apps/*/src/**"], exclude: ["**/src/testing/**"] },
    projects: packages.map((root) => ({
      ...shared,
      root,
      test: { ...shared.test, ...tests, name: JSON.parse(readFileSync(`${root}/package.json`, "utf8")).name }
    }))
  }
})

export default defineConfig(allPackages({}))
