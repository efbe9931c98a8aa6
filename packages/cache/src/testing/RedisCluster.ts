import { Effect } from "effect"
import { Redis } from "ioredis"
import { readFileSync } from "node:fs"
import * as RedisServer from "./RedisServer.ts"

interface Options {
  readonly password?: string
  readonly address?: "127.0.0.1" | "::1"
  readonly hostname?: string
  readonly tls?: RedisServer.TlsFiles
}

const shares = ["0-5460", "5461-10922", "10923-16383"]

/** Starts a Redis Cluster of three masters and returns their addresses, `host:port`. Ends with the scope. */
export const make = Effect.fnUntraced(function* (options: Options = {}) {
  const servers = yield* Effect.forEach(shares, () => RedisServer.make({ ...options, isCluster: true }))
  yield* Effect.forEach(servers, ({ start }) => start, { concurrency: "unbounded" })
  const addresses = servers.map(({ url }) => url.slice(url.lastIndexOf("@") + 1).replace(/^.*\/\//, ""))
  yield* Effect.promise(() =>
    join(
      servers.map(({ url }) => url),
      options
    )
  )
  return addresses
})

const join = async (urls: ReadonlyArray<string>, { address = "127.0.0.1", tls }: Options): Promise<void> => {
  const clients = urls.map(
    (url) => new Redis(url, tls === undefined ? {} : { tls: { ca: readFileSync(tls.authority) } })
  )
  const call = async (client: Redis | undefined, ...args: Array<string>) => String(await client?.call("cluster", args))
  try {
    for (const [index, client] of clients.entries()) {
      await call(client, "addslotsrange", ...(shares[index] ?? "").split("-"))
      const [, port = "", busPort = ""] = /:(\d+)@(\d+)/.exec(await call(client, "nodes")) ?? []
      await call(clients[0], "meet", address, port, busPort)
    }
    for (const client of clients) while (!isWhole(await call(client, "info")));
  } finally {
    for (const client of clients) client.disconnect()
  }
}

const isWhole = (info: string): boolean =>
  info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${shares.length}`)
