import { globSync, readFileSync } from "node:fs"
import { dirname } from "node:path"
import { defineConfig, type ViteUserConfig } from "vitest/config"
import shared from "./vitest.shared.ts"

type Tests = NonNullable<ViteUserConfig["test"]>

const folders = globSync("{packages,apps}/*/package.json", { cwd: import.meta.dirname }).map(dirname)

/** A project for each of the packages, by default all. The suffix distinguishes several projects of one package. */
export const projectsOf = (tests: Tests, packages: ReadonlyArray<string> = folders, suffix = "") =>
  packages.map((root) => ({
    ...shared,
    root,
    test: { ...shared.test, ...tests, name: JSON.parse(readFileSync(`${root}/package.json`, "utf8")).name + suffix }
  }))

/** Runs the projects with one report. The test script of a package runs only that package, with the shared settings. */
export const withProjects = (projects: NonNullable<Tests["projects"]>): ViteUserConfig => ({
  test: {
    globalSetup: shared.test?.globalSetup ?? [],
    // The tests of several packages share two cores with the engines and with the programs that the tests start.
    maxWorkers: 2,
    coverage: { include: ["packages/*/src/**", "apps/*/src/**"], exclude: ["**/src/testing/**"] },
    projects
  }
})

export default defineConfig(withProjects(projectsOf({})))
