import { assert, describe, it } from "@effect/vitest"
import { connectionProblem } from "@user-service/domain/EngineUnusable"

const systemError = (code: string, message: string) => Object.assign(new Error(message), { code })

describe("why a connection was not made", () => {
  it("is explained first, followed by the message of the error", () => {
    const problems = [
      [systemError("ECONNREFUSED", "connect ECONNREFUSED ::1:1"), "nothing listens there (connect ECONNREFUSED ::1:1)"],
      [systemError("ENOTFOUND", ""), "the name of the host is not known (ENOTFOUND)"],
      [new Error("connect ETIMEDOUT"), "no answer in time (connect ETIMEDOUT)"],
      [
        systemError("CERT_HAS_EXPIRED", "certificate has expired"),
        "its certificate has expired (certificate has expired, CERT_HAS_EXPIRED)"
      ],
      [systemError("EPROTO", "140:error:../deps/openssl\n"), "no TLS connection was agreed on (EPROTO)"]
    ] as const
    for (const [error, problem] of problems) assert.strictEqual(connectionProblem(error), problem)
  })

  it("is explained once if several addresses have the same reason", () => {
    const refused = (address: string) => systemError("ECONNREFUSED", `connect ECONNREFUSED ${address}`)
    assert.strictEqual(
      connectionProblem(new AggregateError([refused("::1:1"), refused("127.0.0.1:1"), refused("::1:1")])),
      "nothing listens there (connect ECONNREFUSED ::1:1); nothing listens there (connect ECONNREFUSED 127.0.0.1:1)"
    )
  })

  it("is undefined for other errors", () => {
    assert.isUndefined(connectionProblem(new Error("WRONGPASS")))
    assert.isUndefined(connectionProblem(undefined))
  })
})
