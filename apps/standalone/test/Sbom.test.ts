import { Spec, Validation } from "@cyclonedx/cyclonedx-library"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import * as Program from "./Program.ts"

interface Component {
  readonly group?: string
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly licenses?: ReadonlyArray<{ readonly expression?: string; readonly license?: { readonly id?: string } }>
}

const root = join(import.meta.dirname, "../../..")
const lockfile = readFileSync(join(root, "pnpm-lock.yaml"), "utf8")

const nameOf = ({ group, name }: Component): string => (group === undefined ? name : `${group}/${name}`)

describe("the bill of materials of a portable bundle", () => {
  it.live(
    "is valid CycloneDX and names each package whose code is in the bundle, with the version of the lockfile and a licence",
    () =>
      Effect.gen(function* () {
        const outdir = join(yield* Program.folder, "bundle")
        const { status, stderr } = spawnSync(process.execPath, ["infra/bundle.ts", "apps/api", outdir], {
          cwd: root,
          encoding: "utf8"
        })
        assert.strictEqual(status, 0, stderr)
        const text = readFileSync(join(outdir, "sbom.cdx.json"), "utf8")
        const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6)
        assert.isNull(yield* Effect.promise(() => validator.validate(text)))

        const bom = JSON.parse(text)
        assert.strictEqual(bom.metadata.component.purl, "pkg:npm/%40user-service/api@0.1.0")
        const components: ReadonlyArray<Component> = bom.components
        const names = components.map(nameOf)
        assert.includeMembers(names, [
          // Bundled, with and without modules that import others; the addon, its binary, and the pages.
          "effect",
          "jose",
          "@user-service/domain",
          "@node-rs/bcrypt",
          "@node-rs/bcrypt-linux-x64-gnu",
          "react-dom",
          "redoc",
          "swagger-ui-dist"
        ])
        assert.notIncludeMembers(names, ["@electric-sql/pglite", "vitest", "amqplib"])
        assert.deepStrictEqual(
          components.filter(
            (component) =>
              component.group !== "@user-service" &&
              !new RegExp(`^ {2}'?${nameOf(component)}@${component.version}'?:$`, "m").test(lockfile)
          ),
          [],
          "not in the lockfile"
        )
        assert.deepStrictEqual(
          components.filter(
            ({ licenses = [] }) =>
              licenses.length === 0 ||
              licenses.some(({ expression, license }) => (expression ?? license?.id) === undefined)
          ),
          [],
          "without an SPDX licence"
        )
      })
  )
})
