import { assert, describe, it } from "@effect/vitest"
import { once } from "node:events"
import { createServer } from "node:http"
import { requestBytes } from "../../src/load/Connection.ts"
import { closedLoop, openLoop, quantile } from "../../src/load/Load.ts"
import { assertLoopback } from "../../src/load/Loopback.ts"

const client = { next: () => requestBytes("GET", "/") }

/** A server that answers every third request with 500, while `use` runs. */
const withServer = async (use: (url: URL) => Promise<void>): Promise<void> => {
  let count = 0
  const server = createServer((_request, response) => {
    response.writeHead(++count % 3 === 0 ? 500 : 200, { "content-length": 2 }).end("ok")
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  if (address === null || typeof address === "string") throw new TypeError("A TCP server has a port")
  await use(new URL(`http://127.0.0.1:${address.port}`))
  server.closeAllConnections()
  server.close()
}

describe("load", () => {
  it("goes to this machine only", () => {
    for (const url of ["http://127.0.0.1:1", "http://localhost", "http://[::1]:9"]) assertLoopback(new URL(url))
    for (const url of ["http://10.0.0.1", "http://example.com", "http://127.0.0.1.example.com"]) {
      assert.throws(() => assertLoopback(new URL(url)), RangeError)
    }
  })

  it("in a closed loop counts good answers, and the others as failures", () =>
    withServer(async (url) => {
      const { failed, latencies, perSecond } = await closedLoop({ url, seconds: 0.3, clients: [client, client] })
      assert.isAbove(perSecond, 0)
      assert.closeTo(failed / (failed + latencies.length), 1 / 3, 0.05)
    }))

  it("in an open loop sends what is due, and no more", () =>
    withServer(async (url) => {
      const { failed, latencies } = await openLoop({ url, seconds: 0.5, perSecond: 60, connections: 4, client })
      assert.strictEqual(failed + latencies.length, 30)
      assert.strictEqual(failed, 10)
    }))

  it("tells the latency that a share did not exceed", () => {
    const latencies = Float64Array.from({ length: 100 }, (_, index) => index + 1)
    assert.strictEqual(quantile({ latencies }, 0.5), 51)
    assert.strictEqual(quantile({ latencies }, 0.99), 100)
  })
})
