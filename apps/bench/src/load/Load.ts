import { Effect } from "effect"
import { type Answer, type Connection, ConnectionLost, open } from "./Connection.ts"
import { assertLoopback } from "./Loopback.ts"

/** A client of a load: its next request, and the handler of its answers. */
export interface Client {
  readonly next: () => Buffer
  readonly onAnswer?: (answer: Answer) => void
}

/** The result of a load. Latencies are in milliseconds, in ascending order. */
export interface LoadResult {
  readonly seconds: number
  readonly latencies: Float64Array
  readonly failed: number
  readonly perSecond: number
}

/** The latency that the given share of the requests did not exceed: 0.99 for the 99th percentile. */
export const quantile = ({ latencies }: Pick<LoadResult, "latencies">, share: number): number =>
  latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? Number.NaN

const isGood = (answer: Answer): boolean => answer.status >= 200 && answer.status < 300

const loadResult = (latencies: ReadonlyArray<number>, failed: number, seconds: number): LoadResult => ({
  seconds,
  latencies: Float64Array.from(latencies).toSorted(),
  failed,
  perSecond: latencies.length / seconds
})

/**
 * A closed loop, for rates: until the time is over, each client sends its next request when the previous one was answered.
 * Answers for which `isCounted` is false (by default all but 2xx) and lost connections are failures.
 */
export const closedLoop = async (options: {
  readonly url: URL
  readonly seconds: number
  readonly clients: ReadonlyArray<Client>
  readonly isCounted?: (answer: Answer) => boolean
}): Promise<LoadResult> => {
  assertLoopback(options.url)
  const isCounted = options.isCounted ?? isGood
  const runs = await Promise.all(
    options.clients.map(async (client) => ({ client, connection: await open(options.url) }))
  )
  const latencies: Array<number> = []
  let failed = 0
  const started = performance.now()
  const end = started + options.seconds * 1000
  const run = async (client: Client, connection: Connection) => {
    for (let sent = performance.now(); sent < end;) {
      const answer = await connection.send(client.next())
      const answered = performance.now()
      if (isCounted(answer)) latencies.push(answered - sent)
      else failed++
      client.onAnswer?.(answer)
      sent = answered
    }
  }
  await Promise.all(
    runs.map(({ client, connection }) =>
      run(client, connection).catch((cause: unknown) => {
        if (!(cause instanceof ConnectionLost)) throw cause
        failed++
      })
    )
  )
  for (const { connection } of runs) connection.close()
  return loadResult(latencies, failed, (performance.now() - started) / 1000)
}

/** The successful answers per second of {@link closedLoop}. Dies if more than 1 % of the requests fail, for example by a limit. */
export const closedRate = (options: Parameters<typeof closedLoop>[0]): Effect.Effect<number> =>
  Effect.flatMap(
    Effect.promise(() => closedLoop(options)),
    ({ failed, latencies, perSecond }) =>
      failed * 100 <= latencies.length
        ? Effect.succeed(perSecond)
        : Effect.die(new Error(`${failed} of ${failed + latencies.length} requests to ${options.url.href} failed`))
  )

/**
 * An open loop, for latencies: requests are due at a fixed rate, and each latency is measured from the time at which the
 * request was due. So a stalled server does not slow the load down, which would hide its stalls.
 */
export const openLoop = async (options: {
  readonly url: URL
  readonly seconds: number
  readonly perSecond: number
  readonly connections: number
  readonly client: Client
}): Promise<LoadResult> => {
  assertLoopback(options.url)
  const idle = await Promise.all(Array.from({ length: options.connections }, () => open(options.url)))
  const latencies: Array<number> = []
  const due: Array<number> = []
  const inFlight = new Set<Promise<void>>()
  let failed = 0

  const serve = async (connection: Connection, at: number) => {
    try {
      const answer = await connection.send(options.client.next())
      if (isGood(answer)) latencies.push(performance.now() - at)
      else failed++
      idle.push(connection)
    } catch (cause) {
      if (!(cause instanceof ConnectionLost)) throw cause
      failed++
    }
    dispatch()
  }
  const dispatch = () => {
    while (due.length > 0) {
      const connection = idle.pop()
      if (connection === undefined) return
      const at = due.shift() ?? 0
      const served: Promise<void> = serve(connection, at).finally(() => inFlight.delete(served))
      inFlight.add(served)
    }
  }

  const started = performance.now()
  const total = options.perSecond * options.seconds
  let sent = 0
  await new Promise<void>((resolve) => {
    const tick = setInterval(() => {
      const now = performance.now()
      for (; sent < total && started + (sent * 1000) / options.perSecond <= now; sent++) {
        due.push(started + (sent * 1000) / options.perSecond)
      }
      dispatch()
      if (sent < total) return
      clearInterval(tick)
      resolve()
    }, 1)
  })
  while (inFlight.size > 0) await Promise.all(inFlight)
  for (const connection of idle) connection.close()
  return loadResult(latencies, failed, options.seconds)
}
