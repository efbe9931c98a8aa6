import { assert, describe, it } from "@effect/vitest"
import { endOnRepeat } from "@user-service/runtime/RepeatedSignal"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { EventEmitter } from "node:events"

class Host extends EventEmitter {
  readonly codes: Array<number> = []
  readonly texts: Array<string> = []
  readonly stderr = { write: (text: string) => this.texts.push(text) }
  readonly exit = (code: number) => void this.codes.push(code)
}

describe("the same signal again", () => {
  it.effect("ends the process at once, a second or more after the first", () =>
    Effect.gen(function* () {
      const host = new Host()
      yield* endOnRepeat(host)
      host.emit("SIGINT")
      yield* TestClock.adjust("999 millis")
      host.emit("SIGINT")
      assert.deepStrictEqual(host.codes, [], "as npm repeats what the terminal has sent")
      yield* TestClock.adjust("1 millis")
      host.emit("SIGINT")
      assert.deepStrictEqual(host.codes, [130])
      assert.deepStrictEqual(host.texts, ["SIGINT came again: ended at once\n"])
    })
  )

  it.effect("is not another one, as a process of a cluster gets the terminal's and its primary's", () =>
    Effect.gen(function* () {
      const host = new Host()
      yield* endOnRepeat(host)
      host.emit("SIGINT")
      yield* TestClock.adjust("5 seconds")
      host.emit("SIGTERM")
      assert.deepStrictEqual(host.codes, [])
      yield* TestClock.adjust("1 seconds")
      host.emit("SIGTERM")
      assert.deepStrictEqual(host.codes, [143])
    })
  )

  it.effect("is listened for no longer than the scope", () =>
    Effect.gen(function* () {
      const host = new Host()
      yield* Effect.scoped(endOnRepeat(host))
      assert.strictEqual(host.listenerCount("SIGINT") + host.listenerCount("SIGTERM"), 0)
    })
  )
})
