import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { withGateway } from "../service-side/Callers.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { bodyOf, type Case, good } from "./Case.ts"
import * as Client from "./Client.ts"
import { type Operation, operations } from "./OpenApi.ts"
import { fieldsOf, isText, withText } from "./Values.ts"
import * as World from "./World.ts"

// What a request costs the one thread that answers all of them; many times what the dearest of these costs.
const limitMillis = 100

// Almost all that a body may have, in bytes.
const bytes = 100_000

/** As many of the unit as a text of that size has room for. */
const filled = (unit: string): string =>
  unit.repeat(Math.floor(bytes / Buffer.byteLength(JSON.stringify(unit).slice(1, -1))))

/** What a pattern that goes back over what it has read does so for, again and again. */
const texts: ReadonlyArray<string> = [
  filled("a"),
  filled(" "),
  filled("-"),
  filled("."),
  filled("a-"),
  filled("a."),
  filled("0"),
  filled("("),
  filled("\u0130"),
  filled("\u{1d11e}"),
  filled("e\u0301"),
  `${filled("a")}@`,
  `a@${filled("a")}`,
  `a@${filled("a-")}`,
  `a@${filled("a.")}`,
  `a@${filled("a.").slice(10)}!`,
  `${filled("a.").slice(20)}@example.com`,
  ` ${filled("\t")} x`,
  `https://${filled("a").slice(10)}`,
  `https://a${filled("/..").slice(10)}`,
  `https://${filled("a@").slice(10)}`,
  `en-${filled("abcdefgh-").slice(10)}`,
  `Europe/${filled("A/").slice(10)}`,
  `${filled("eyJ")}.`,
  `${filled("1:")}`
]

/** Marks that belong in another order than they are in: to bring n of them into it takes n times n steps. */
const disordered = `a${filled("\u0345\u0315\u0300\u0316\u0334")}`

const casesWith = (texts: ReadonlyArray<string>): ReadonlyArray<Case> =>
  operations.flatMap((operation: Operation) =>
    fieldsOf(operation.body?.schema ?? {})
      .filter(({ schema }) => isText(schema))
      .flatMap(({ path }) =>
        texts.map((text) => ({
          ...good(operation),
          operation,
          name: `${text.slice(0, 12)}... for ${path.join(".")}`,
          body: withText(bodyOf(operation), path, JSON.stringify(text))
        }))
      )
  )

/** Those of the cases that cost too much three times in a row, and how many milliseconds. */
const tooDear = (cases: ReadonlyArray<Case>) =>
  Effect.gen(function* () {
    const api = yield* TestApi
    const sendAs = yield* World.make(yield* Client.make(api.url, 1))
    const cost = Effect.fnUntraced(function* (one: Case) {
      const before = process.threadCpuUsage()
      const { status } = yield* sendAs(one)
      assert.isBelow(status, 500, one.name)
      return process.threadCpuUsage(before).user / 1000
    })
    const dear: Array<string> = []
    for (const one of cases) {
      const millis = yield* Effect.repeat(cost(one), { while: (millis) => millis > limitMillis, times: 2 })
      if (millis > limitMillis) dear.push(`${one.operation.id}, ${one.name}: ${Math.round(millis)} ms`)
    }
    return dear
  })

describe("100 kB of text in any field", { timeout: 300_000 }, () => {
  it.layer(layerEmbedded({ ...withGateway, LOG_LEVEL: "error" }), { excludeTestServices: true })((it) => {
    it.effect("takes milliseconds of the main thread", () =>
      Effect.gen(function* () {
        const cases = casesWith(texts)
        assert.isAbove(cases.length, 500)
        assert.deepStrictEqual(yield* tooDear(cases), [])
      })
    )

    it.effect("takes no longer if it consists of unordered combining marks", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* tooDear(casesWith([disordered])), [])
      })
    )
  })
})
