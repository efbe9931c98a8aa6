import { PasswordInput } from "@user-service/schema/Input"
import { Config, Effect, Option, Redacted, Schema, SchemaIssue, Stdio, Stream } from "effect"
import { Prompt } from "effect/cli"

/** Nothing was given, or what cannot be a password. */
export class PasswordUnusable extends Schema.TaggedError<PasswordUnusable>()("PasswordUnusable", {
  problem: Schema.String
}) {
  override get message() {
    return `The password cannot be used: ${this.problem}`
  }
}

const ask = Effect.gen(function* () {
  const [password, again] = yield* Prompt.all([
    Prompt.Hidden({ message: "Password" }),
    Prompt.Hidden({ message: "Password, once more" })
  ])
  if (Redacted.value(password) !== Redacted.value(again)) {
    return yield* new PasswordUnusable({ problem: "the two that were typed differ" })
  }
  return Redacted.value(password)
})

// What would be replaced could never be typed again at a login.
const utf8 = new TextDecoder("utf-8", { fatal: true })

const piped = Effect.fnUntraced(function* (stdio: Stdio.Stdio) {
  const bytes = yield* Stream.mkUint8Array(stdio.stdin)
  const text = yield* Effect.try({
    try: () => utf8.decode(bytes),
    catch: () => new PasswordUnusable({ problem: "it is not UTF-8" })
  })
  return text.replace(/\r?\n$/, "")
})

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

const decode = Effect.fnUntraced(function* (text: string) {
  if (text === "") {
    return yield* new PasswordUnusable({ problem: "none was given; type it, pipe it in or set SUPERUSER_PASSWORD" })
  }
  return yield* Effect.mapError(
    Schema.decodeEffect(PasswordInput)(text),
    ({ issue }) =>
      new PasswordUnusable({
        problem: issuesOf(issue)
          .issues.map(({ message }) => message)
          .join(" ")
      })
  )
})

/**
 * The password for a new account, by a way that no other user of the machine can watch: `SUPERUSER_PASSWORD`, else typed
 * twice without echo, else all of standard input but its last line end.
 */
export const read = Effect.gen(function* () {
  // Not as a setting: the space around a password is part of it.
  const given = yield* Effect.orDie(Config.option(Config.Redacted("SUPERUSER_PASSWORD")))
  if (Option.isSome(given)) return yield* decode(Redacted.value(given.value))
  const stdio = yield* Stdio.Stdio
  return yield* decode((yield* stdio.stdinIsTerminal) ? yield* ask : yield* piped(stdio))
})
