import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { compare, median } from "../src/Compare.ts"
import { type Figure, reaches } from "../src/Figure.ts"
import { svg } from "../src/Plot.ts"
import { intoReadme, table } from "../src/Report.ts"

const figure: Figure = {
  id: "P1",
  measure: "reads, over the floor's",
  unit: "a second",
  ours: 5000,
  baseline: 10_000,
  ratio: 0.5,
  goal: { must: 0.35, aim: 0.6, better: "higher" }
}

describe("a figure", () => {
  it("reaches its goals from below or from above", () => {
    assert.isTrue(reaches(figure, "must"))
    assert.isFalse(reaches(figure, "aim"))
    assert.isFalse(reaches({ ratio: 5, goal: { must: 4, aim: 2, better: "lower" } }, "must"))
  })

  it("is the median of rounds by turns, after one that only warms up", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        const turns: Array<string> = []
        const side = (name: string, values: ReadonlyArray<number>) => {
          const left = [...values]
          return Effect.sync(() => {
            turns.push(name)
            return left.shift() ?? Number.NaN
          })
        }
        const compared = yield* compare(3, side("A", [900, 1, 2, 9]), side("B", [900, 2, 2, 3]))
        assert.strictEqual(turns.join(""), "ABABBAAB")
        assert.deepStrictEqual(compared, { ours: 2, baseline: 2, ratio: 1 })
        assert.strictEqual(median([4, 1, 3, 2]), 2.5)
      })
    ))

  it("stands in the README between its marks, and in the plot", () => {
    const readme = "before\n<!-- figures: written by the bench -->\nold\n<!-- /figures -->\nafter\n"
    const written = intoReadme(readme, "On a machine.", [figure])
    assert.match(written, /^before\n[^]*On a machine\.[^]*\| P1 \|[^]*after\n$/)
    assert.notInclude(written, "old")
    assert.strictEqual(intoReadme(written, "On a machine.", [figure]), written)
    assert.throws(() => intoReadme("no marks", "", []))
    assert.include(table([figure]), "| 5,000 | 10,000 | 0.5 | 0.35 | 0.6 | must |")
    assert.include(svg([figure]), "P1 reads")
  })
})
