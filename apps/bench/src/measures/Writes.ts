import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { Bench } from "../Bench.ts"
import { compare } from "../Compare.ts"
import type { Figure } from "../Figure.ts"
import { requestBytes } from "../load/Connection.ts"
import { type Client, closedRate } from "../load/Load.ts"
import type { BenchUser } from "../Users.ts"

const clients = 32

/** Renders a write request of the user of the token. */
export type Write = (token: string) => Buffer

export const putPreferences: Write = (token) =>
  requestBytes("PUT", "/api/v1/users/preferences/", {
    token,
    body: { frequency_limit: Math.floor(performance.now()) % 1000 }
  })

const postPushToken = (token: string, pushToken: string) =>
  requestBytes("POST", "/api/v1/users/push-tokens/", { token, body: { token: pushToken, platform: "web" } })

/** Registers a new token each time. From the 21st of a user on, each evicts an older one. */
export const postNewToken: Write = (token) => postPushToken(token, randomUUID())

/** Registers the same token each time, as an app does at each start. */
export const postKnownToken = (): Write => {
  const pushTokens = new Map<string, string>()
  return (token) => {
    const pushToken = pushTokens.get(token) ?? randomUUID()
    pushTokens.set(token, pushToken)
    return postPushToken(token, pushToken)
  }
}

/** Clients that write for one user after the other. */
export const writers = (
  users: ReadonlyArray<BenchUser>,
  token: (user: BenchUser) => string,
  write: Write
): ReadonlyArray<Client> => {
  const tokens = users.map(token)
  let turn = 0
  const next = () => write(tokens[turn++ % tokens.length] ?? "")
  return Array.from({ length: clients }, () => ({ next }))
}

const figure = (what: string, write: Write) =>
  Effect.gen(function* () {
    const bench = yield* Bench
    const rate = (url: URL, users: ReadonlyArray<BenchUser>, token: (user: BenchUser) => string) =>
      closedRate({ url, seconds: bench.seconds, clients: writers(users, token, write) })
    // Each side has its own users: the floor does not limit the tokens of a user, and the service would evict the surplus.
    const half = bench.users.length / 2
    const compared = yield* compare(
      bench.rounds,
      rate(bench.service.url, bench.users.slice(half), (user) => user.access),
      rate(bench.floor.url, bench.users.slice(0, half), bench.floorToken)
    )
    return {
      id: "P3",
      measure: `${what}, ${clients} clients, over the floor's`,
      unit: "a second",
      goal: { must: 0.5, aim: 0.8, better: "higher" },
      ...compared
    } satisfies Figure
  })

/** P3. */
export const writes = Effect.all([
  figure("preferences PUT", putPreferences),
  figure("push token POST, one that is known", postKnownToken()),
  figure("push token POST, each one new", postNewToken)
])
