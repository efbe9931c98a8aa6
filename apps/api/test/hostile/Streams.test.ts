import { assert, describe, it } from "@effect/vitest"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import { Effect } from "effect"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import type { Server } from "node:http"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { type Answer, layerEmbedded, TestApi } from "../TestApi.ts"
import { failureProblems, headerProblems } from "./Judge.ts"
import { statuses } from "./OpenApi.ts"
import * as Random from "./Random.ts"
import { answersIn, exchange, type Outcome, type Stream } from "./RawSocket.ts"
import { endless, make, smugglers } from "./Streams.ts"

const seed = 20_261_124

const profile = "/api/v1/users/profile/"

/** What no operation answers: the root, which leads elsewhere, and the server to what is no request, too slow or too long. */
const ofServer = new Set([302, 408, 431])

const problemsOf = (answer: Answer): ReadonlyArray<string> => [
  ...(answer.status < 500 && (statuses.has(answer.status) || ofServer.has(answer.status))
    ? []
    : [`${answer.status} is not to be: ${answer.text.slice(0, 300)}`]),
  ...headerProblems(answer),
  ...(answer.status < 400 || answer.text === "" ? [] : failureProblems(answer))
]

const statusesIn = ({ text }: Outcome): ReadonlyArray<number> => answersIn(text).answers.map(({ status }) => status)

// Longer than any timeout of the server's, as these are set here.
const patienceMillis = 10_000

const problemsIn = ({ ending, name }: Stream, { milliseconds, text }: Outcome): ReadonlyArray<string> => {
  const { answers, rest } = answersIn(text)
  return [
    ...answers.flatMap(problemsOf),
    ...(milliseconds > patienceMillis ? [`took ${milliseconds} ms`] : []),
    ...(rest === "" || ending === "cut" ? [] : [`left over: ${rest.slice(0, 300)}`])
  ].map((problem) => `${name}: ${problem}`)
}

/** Node's own server, of which no service tells: it is seen when it takes a request. */
const nodeServer = Effect.gen(function* () {
  const api = yield* TestApi
  let server: Server | undefined
  const see = (message: unknown) => {
    server = (message as { readonly server: Server }).server
  }
  subscribe("http.server.request.start", see)
  yield* api.send("GET", "/health/live")
  unsubscribe("http.server.request.start", see)
  return server ?? (yield* Effect.die("No server took the request"))
})

/** Streams that hang are ended sooner than in production. */
const impatient = Effect.map(nodeServer, (server) => {
  server.headersTimeout = 300
  server.requestTimeout = 600
  server.keepAliveTimeout = 300
  return server
})

const connectionsOf = (server: Server) =>
  Effect.callback<number>((resume) => {
    server.getConnections((_, count) => resume(Effect.succeed(count)))
  })

setFlagsFromString("--expose-gc")
const collectGarbage: () => void = runInNewContext("gc")

const heapMegabytes = (): number => {
  collectGarbage()
  return process.memoryUsage().heapUsed / 2 ** 20
}

const sendAll = (streams: ReadonlyArray<Stream>) =>
  Effect.flatMap(TestApi, ({ url }) =>
    Effect.forEach(
      streams,
      (stream) =>
        Effect.map(exchange(url, stream), (outcome) => ({ stream, outcome, problems: problemsIn(stream, outcome) })),
      { concurrency: 50 }
    )
  )

describe(`streams of bytes, by seed ${seed}`, { timeout: 300_000 }, () => {
  it.layer(layerEmbedded({ LOG_LEVEL: "error" }), { excludeTestServices: true })((it) => {
    it.effect("a thousand are answered with the envelope, break nothing and leave no connection open", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const server = yield* impatient
        const person = yield* api.person()
        const streams = make(Random.make(seed), person, 1000)
        assert.lengthOf(streams, 1000)

        const first = yield* sendAll(streams)
        const before = heapMegabytes()
        const sent = [...first, ...(yield* sendAll(streams))]
        assert.deepStrictEqual(sent.flatMap(({ problems }) => problems).slice(0, 20), [])
        assert.isBelow(heapMegabytes() - before, 5)
        // That of the client which asks.
        yield* waitUntil(Effect.map(connectionsOf(server), (count) => count <= 1))

        assert.strictEqual((yield* api.send("GET", profile, { token: (yield* api.login(person)).access })).status, 200)
        assert.deepStrictEqual(yield* api.log, [])
      })
    )

    it.effect("no request is smuggled in the body of another", () =>
      Effect.gen(function* () {
        for (const { outcome, stream } of yield* sendAll(smugglers)) {
          assert.deepStrictEqual(statusesIn(outcome), [400], stream.name)
          assert.notInclude(outcome.text, "smuggled", stream.name)
        }
      })
    )

    it.effect("those that never end are answered and closed", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        yield* impatient
        for (const { outcome, problems, stream } of yield* sendAll(endless(yield* api.person()))) {
          assert.deepStrictEqual(problems, [], stream.name)
          assert.deepStrictEqual(statusesIn(outcome), [408], stream.name)
        }
      })
    )
  })
})
