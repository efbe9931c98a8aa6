import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import * as NewPassword from "@user-service/cli/NewPassword"
import { ConfigProvider, Effect, Layer, Redacted, Stdio, Stream } from "effect"

const encoder = new TextEncoder()

/** Reads the password without a terminal, from this input and environment. */
const read = (input: string | Uint8Array, env: Record<string, string> = {}) => {
  const bytes = typeof input === "string" ? encoder.encode(input) : input
  return NewPassword.read.pipe(
    Effect.provide([
      // In single bytes, since a pipe may split a character.
      Stdio.layerTest({ stdin: Stream.fromIterable(Array.from(bytes, (byte) => Uint8Array.of(byte))) }).pipe(
        Layer.provideMerge(NodeServices.layer)
      ),
      ConfigProvider.layer(ConfigProvider.fromEnv({ env }))
    ])
  )
}

const password = (input: string, env?: Record<string, string>) => Effect.map(read(input, env), Redacted.value)
const problem = (input: string | Uint8Array, env?: Record<string, string>) =>
  Effect.map(Effect.flip(read(input, env)), (error) => error.message)

describe("read", () => {
  it.effect("is all of standard input without the last line break", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* password("päss wörd 🔑"), "päss wörd 🔑")
      assert.strictEqual(yield* password(" a b \n"), " a b ")
      assert.strictEqual(yield* password("a b\r\n"), "a b")
      assert.strictEqual(yield* password("a\nb\n\n"), "a\nb\n")
    })
  )

  it.effect("is SUPERUSER_PASSWORD rather than standard input, unless it is empty", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* password("piped", { SUPERUSER_PASSWORD: "named\n" }), "named\n")
      assert.strictEqual(yield* password("piped", { SUPERUSER_PASSWORD: "" }), "piped")
    })
  )

  it.effect("is refused if nobody could type it at a login", () =>
    Effect.gen(function* () {
      const none = "The password cannot be used: none was given; type it, pipe it in or set SUPERUSER_PASSWORD"
      assert.strictEqual(yield* problem(""), none)
      assert.strictEqual(yield* problem("\n"), none)
      assert.strictEqual(yield* problem("a\0b"), "The password cannot be used: Null characters are not allowed.")
      assert.strictEqual(yield* problem(Uint8Array.of(0x61, 0xff)), "The password cannot be used: it is not UTF-8")
    })
  )

  it.effect("is not shown by a refusal", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(read("d4-secret\0"))
      assert.notInclude(JSON.stringify(error) + String(error) + String(error.stack), "d4-secret")
    })
  )
})
