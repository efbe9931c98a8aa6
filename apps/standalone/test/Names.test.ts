import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../../", import.meta.url))

// A name that a reader finds in two places means two things. These are left.
const exceptions = new Map([
  ["Connection", "to RabbitMQ, to Redis, of the client, and of the load generator: each within its package"],
  ["Delivery", "of a message by the broker, and of a notification to a person"],
  ["Preferences", "the service and the entity; the client calls the entity's wire form by its name"],
  ["TokenType", "of a push token and of a JWT, as both are called on the wire"],
  // What the client exports under the names that its users expect.
  ["DeliveryRequest", "core's, and the client's"],
  ["StatusReport", "the domain's, and the client's"],
  ["User", "the domain's, and the client's"]
])

const declaration = /^export (?:declare )?(?:abstract )?(?:interface|type|class) (\w+)/gm

describe("the exported types", () => {
  it("have a name each", () => {
    const files = globSync("{packages,apps}/*/src/**/*.ts", { cwd: root }).filter((path) => !path.includes("/testing/"))
    const places = files.flatMap((path) => {
      const names = [...readFileSync(`${root}${path}`, "utf8").matchAll(declaration)].map(([, name = ""]) => name)
      return [...new Set(names)].map((name) => ({ name, path }))
    })
    assert.isAtLeast(places.length, 300)
    const shared = [...Map.groupBy(places, ({ name }) => name)].filter(([, found]) => found.length > 1)
    const paths = new Map(shared.map(([name, found]) => [name, found.map(({ path }) => path)]))
    assert.deepStrictEqual(
      [...paths].filter(([name]) => !exceptions.has(name)),
      []
    )
    assert.deepStrictEqual(
      [...exceptions.keys()].filter((name) => !paths.has(name)),
      []
    )
  })
})

describe("the spans of service methods", () => {
  it("are named after the module of their service", () => {
    const files = globSync("{packages,apps}/*/src/**/*.ts", { cwd: root })
    const spans = files.flatMap((path) =>
      Array.from(readFileSync(`${root}${path}`, "utf8").matchAll(/\bEffect\.fn\(\s*"([^"]+)"/g), ([, name = ""]) => ({
        name,
        path
      }))
    )
    assert.isAtLeast(spans.length, 70)
    assert.deepStrictEqual(
      spans.filter(({ name, path }) => name.slice(0, name.indexOf(".")) !== basename(path, ".ts")),
      []
    )
  })
})

// Single words only: `PushTokenRemoved` is the name of an event, and `isPooled` a question.
const participleOrAdverb =
  /^[A-Za-z][a-z]*(?:ed|ly|ever)$|^(?:lost|held|told|said|sent|kept|left|found|seen|known|gone|given)$/
const wireNames = new Set(["Unauthenticated"]) // The client's users and the wire know the error by this name.

describe("the exported names", () => {
  it("are neither a bare participle nor an adverb", () => {
    const files = globSync("{packages,apps}/*/src/**/*.ts", { cwd: root })
    const names = files.flatMap((path) =>
      Array.from(
        readFileSync(`${root}${path}`, "utf8").matchAll(
          /^export (?:declare )?(?:abstract )?(?:const|function\*?|async function|interface|type|class) (\w+)/gm
        ),
        ([, name = ""]) => ({ name, path })
      )
    )
    assert.isAtLeast(names.length, 900)
    assert.deepStrictEqual(
      names.filter(({ name }) => participleOrAdverb.test(name) && !wireNames.has(name)),
      []
    )
  })
})
