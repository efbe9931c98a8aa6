import { Effect } from "effect"
import { type Answer, type Connection, ConnectionLost, open } from "./Connection.ts"
import { assertLoopback } from "./Loopback.ts"

/** Which request a client sends next, and what its answer means to it. */
export interface Client {
  readonly next: () => Buffer
  readonly onAnswer?: (answer: Answer) => void
}

/** What a load measured. Latencies are milliseconds, in ascending order. */
export interface Measured {
  readonly seconds: number
  readonly latencies: Float64Array
  readonly failed: number
  readonly perSecond: number
}

/** The latency that the given share of the requests did not exceed. */
export const quantile = ({ latencies }: Pick<Measured, "latencies">, share: number): number =>
  latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? Number.NaN

const isGood = (answer: Answer): boolean => answer.status >= 200 && answer.status < 300

const measured = (latencies: ReadonlyArray<number>, failed: number, seconds: number): Measured => ({
  seconds,
  latencies: Float64Array.from(latencies).toSorted(),
  failed,
  perSecond: latencies.length / seconds
})

/**
 * Closed loop, for rates: each client sends its next request when it has the answer to the last, until the time is over.
 * Only answers that are `isCounted` count (by default 2xx); others and lost connections are failures.
 */
export const closedLoop = async (options: {
  readonly url: URL
  readonly seconds: number
  readonly clients: ReadonlyArray<Client>
  readonly isCounted?: (answer: Answer) => boolean
}): Promise<Measured> => {
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
  return measured(latencies, failed, (performance.now() - started) / 1000)
}

/** The good answers a second of {@link closedLoop}. Dies where more than one request in a hundred fails, as by a limit. */
export const closedRate = (options: Parameters<typeof closedLoop>[0]): Effect.Effect<number> =>
  Effect.flatMap(
    Effect.promise(() => closedLoop(options)),
    ({ failed, latencies, perSecond }) =>
      failed * 100 <= latencies.length
        ? Effect.succeed(perSecond)
        : Effect.die(new Error(`${failed} of ${failed + latencies.length} requests to ${options.url.href} failed`))
  )

/**
 * Open loop, for latencies: requests are due at fixed times whatever the server does, and each is counted from when it was
 * due, so that a stalled server is not asked less often than people would.
 */
export const openLoop = async (options: {
  readonly url: URL
  readonly seconds: number
  readonly perSecond: number
  readonly connections: number
  readonly client: Client
}): Promise<Measured> => {
  assertLoopback(options.url)
  const free = await Promise.all(Array.from({ length: options.connections }, () => open(options.url)))
  const latencies: Array<number> = []
  const due: Array<number> = []
  const under = new Set<Promise<void>>()
  let failed = 0

  const serve = async (connection: Connection, at: number) => {
    try {
      const answer = await connection.send(options.client.next())
      if (isGood(answer)) latencies.push(performance.now() - at)
      else failed++
      free.push(connection)
    } catch (cause) {
      if (!(cause instanceof ConnectionLost)) throw cause
      failed++
    }
    dispatch()
  }
  const dispatch = () => {
    while (due.length > 0) {
      const connection = free.pop()
      if (connection === undefined) return
      const at = due.shift() ?? 0
      const served: Promise<void> = serve(connection, at).finally(() => under.delete(served))
      under.add(served)
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
  while (under.size > 0) await Promise.all(under)
  for (const connection of free) connection.close()
  return measured(latencies, failed, options.seconds)
}
