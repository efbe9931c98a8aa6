import { assert, describe, it } from "@effect/vitest"
import { ConnectionLost, parse, requestBytes } from "../../src/load/Connection.ts"

const bytes = (text: string) => Buffer.from(text)

describe("what a server sends", () => {
  it("is an answer once all of it is there", () => {
    const whole = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd"
    for (let length = 0; length < whole.length; length++) assert.isUndefined(parse(bytes(whole.slice(0, length))))
    const parsed = parse(bytes(`${whole}HTTP/1.1 2`))
    assert.strictEqual(parsed?.answer.status, 200)
    assert.strictEqual(parsed?.answer.body.toString(), "abcd")
    assert.strictEqual(parsed?.length, whole.length)
  })

  it("has no body under 204, and is refused where its length is not said", () => {
    assert.strictEqual(parse(bytes("HTTP/1.1 204 No Content\r\n\r\n"))?.answer.body.length, 0)
    assert.throws(() => parse(bytes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")), ConnectionLost)
  })
})

describe("what is sent", () => {
  it("counts its body in bytes", () => {
    const request = requestBytes("POST", "/x", { token: "t", body: { name: "ü" } }).toString()
    assert.include(request, "POST /x HTTP/1.1\r\n")
    assert.include(request, "authorization: Bearer t\r\n")
    assert.include(request, 'content-length: 13\r\n\r\n{"name":"ü"}')
  })
})
