import { PasswordInput } from "@user-service/schema/Input"
import { Config, Effect, Option, Redacted, Schema, SchemaIssue, Stdio, Stream } from "effect"
import { Prompt } from "effect/cli"

/** No password was given, or an invalid one. */
export class PasswordUnusable extends Schema.TaggedError<PasswordUnusable>()("PasswordUnusable", {
  problem: Schema.String
}) {
  override get message() {
    return `The password cannot be used: ${this.problem}`
  }
}

const prompt = Effect.gen(function* () {
  const [password, confirmation] = yield* Prompt.all([
    Prompt.Hidden({ message: "Password" }),
    Prompt.Hidden({ message: "Password, once more" })
  ])
  if (Redacted.value(password) !== Redacted.value(confirmation)) {
    return yield* new PasswordUnusable({ problem: "the two that were typed differ" })
  }
  return Redacted.value(password)
})

// Fatal: with replacement characters the password could not be typed at a login.
const utf8 = new TextDecoder("utf-8", { fatal: true })

const readInput = Effect.fnUntraced(function* (stdio: Stdio.Stdio) {
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
 * Reads the password of a new account in a way that other users of the machine cannot watch: from `SUPERUSER_PASSWORD`,
 * otherwise typed twice without echo, otherwise, without a terminal, from standard input without its last line end.
 */
export const read = Effect.gen(function* () {
  // Not by `Environment.read`, which trims values: spaces are part of a password.
  const given = yield* Effect.orDie(Config.option(Config.Redacted("SUPERUSER_PASSWORD")))
  if (Option.isSome(given)) return yield* decode(Redacted.value(given.value))
  const stdio = yield* Stdio.Stdio
  return yield* decode((yield* stdio.stdinIsTerminal) ? yield* prompt : yield* readInput(stdio))
})
