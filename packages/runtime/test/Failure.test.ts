import { assert, describe, it } from "@effect/vitest"
import { describe as describeFailure, describeCause } from "@user-service/runtime/Failure"
import { Cause, Data } from "effect"
import { HttpServerError } from "effect/http"
import { Migrator, SqlError } from "effect/sql"

class Refused extends Data.TaggedError("Refused")<{ readonly message: string; readonly cause?: unknown }> {}

const sqlError = (cause: unknown) =>
  new SqlError.SqlError({ reason: new SqlError.UnknownError({ cause, message: "Query failed" }) })

const systemError = (properties: object) => Object.assign(new Error("listen failed"), properties)

describe("describe", () => {
  it("an error says what its message says, and why where there is a cause", () => {
    assert.strictEqual(describeFailure(new Refused({ message: "Not here" })), "Not here")
    const cause = new Refused({ message: "Not now", cause: systemError({ message: "EACCES: permission denied" }) })
    assert.strictEqual(
      describeFailure(new Refused({ message: "Not here", cause })),
      "Not here: EACCES: permission denied"
    )
  })

  it("of a database's refusal the server's words count, else its code, else the driver's words", () => {
    const refusal = (words: string) => `The database refuses: ${words}`
    assert.strictEqual(
      describeFailure(sqlError({ message: "permission denied", code: "42501" })),
      refusal("permission denied")
    )
    assert.strictEqual(describeFailure(sqlError({ message: "", code: "ECONNREFUSED" })), refusal("ECONNREFUSED"))
    assert.strictEqual(describeFailure(sqlError(undefined)), refusal("Query failed"))
  })

  it("a migration that failed is named with the reason", () => {
    const error = new Migrator.MigrationError({
      kind: "Failed",
      message: `Migration "1_users" failed`,
      cause: sqlError({ message: "permission denied for schema public" })
    })
    assert.strictEqual(describeFailure(error), `Migration "1_users" failed: permission denied for schema public`)
  })

  it("a port in use, or one that is not this program's to take, is told by its variable", () => {
    const failed = (cause: unknown) => describeFailure(new HttpServerError.ServeError({ cause }), "WORKER_PORT")
    assert.strictEqual(
      failed(systemError({ code: "EADDRINUSE", port: 8001 })),
      "Port 8001 is in use: set WORKER_PORT to another"
    )
    assert.strictEqual(
      failed(systemError({ code: "EACCES", port: 80 })),
      "Cannot listen where HOST and WORKER_PORT say: listen failed"
    )
  })

  it("what a path holds that a terminal would obey is not shown, the lines of the text are", () => {
    const cause = Cause.fail(new Refused({ message: "All wrong:\n  - LOG_FILE: /\u001b[31mlogs\r\u202e" }))
    assert.strictEqual(
      describeCause(cause, { what: "The program cannot start" }),
      "All wrong:\n  - LOG_FILE: / [31mlogs  "
    )
  })
})
