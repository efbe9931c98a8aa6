// Several hosts in DATABASE_URL, of which sessions use the one that accepts writes (decision 0048).
import { PgConnection } from "@effect/sql-pg"
import { Effect, Schema } from "effect"
import { Duplex } from "node:stream"
import { callbackify } from "node:util"
import type { PostgresHost } from "./PostgresAddress.ts"

/** A host, and the timeline of its server if that accepts writes. Each promotion of a replica begins a higher timeline. */
interface Candidate {
  readonly host: PostgresHost
  readonly timeline: number
}

class NoWritableHost extends Schema.TaggedError<NoWritableHost>()("NoWritableHost", {}) {
  override get message() {
    return "none of the hosts accepts connections and writes"
  }
}

/** How long a choice is used for further sessions, which open many at once. */
const choiceMillis = 250

// How long the others have after the first host that accepts writes: of two that do, one is a former leader.
const grace = "250 millis"

/**
 * Returns a function that asks all hosts, and returns the one that accepts writes. Of several, that with the highest timeline; none
 * with a lower timeline than an earlier choice, because it is a former leader that does not know it yet.
 */
export const chooserOf = (sessions: ReadonlyMap<PostgresHost, PgConnection.Config>) => {
  let highest = 0
  let latest: { readonly host: Promise<PostgresHost>; readonly at: number } | undefined
  const choose = Effect.gen(function* () {
    const candidates: Array<Candidate> = []
    const found = (candidate: Candidate) => {
      if (candidate.timeline > 0 && candidate.timeline >= highest) candidates.push(candidate)
    }
    const asking = Effect.forEach(
      sessions,
      ([host, session]) => Effect.map(timelineOf(session), (timeline) => found({ host, timeline })),
      {
        concurrency: "unbounded",
        discard: true
      }
    )
    const first = Effect.repeat(Effect.sleep("10 millis"), { until: () => candidates.length > 0 })
    yield* Effect.raceFirst(asking, Effect.andThen(first, Effect.sleep(grace)))
    const [best] = candidates.toSorted((a, b) => b.timeline - a.timeline)
    if (best === undefined) return yield* new NoWritableHost()
    highest = Math.max(highest, best.timeline)
    return best.host
  })
  return (): Promise<PostgresHost> => {
    const now = performance.now()
    if (latest === undefined || now - latest.at > choiceMillis) {
      const host = Effect.runPromise(choose)
      latest = { host, at: now }
      // Those that are opened while the hosts are asked share the answer.
      const renew = () => (latest = { host, at: performance.now() })
      host.then(renew, renew)
    }
    return latest.host
  }
}

const Timeline = Schema.Struct({ file: Schema.NullOr(Schema.String) })

// The name of a WAL file begins with the timeline in eight hexadecimal digits (PostgreSQL 17, section 9.28.3). 0 where the server does
// not answer or accepts no writes.
const timelineOf = (session: PgConnection.Config): Effect.Effect<number> =>
  Effect.gen(function* () {
    const connection = yield* PgConnection.make(session)
    const { rows } = yield* connection.query(
      `select case when not pg_is_in_recovery() and not current_setting('transaction_read_only')::boolean
        then pg_walfile_name(pg_current_wal_lsn()) end as file`,
      [],
      false
    )
    const { file } = yield* Schema.decodeUnknownEffect(Timeline)(rows[0])
    return file === null ? 0 : Number.parseInt(file.slice(0, 8), 16)
  }).pipe(
    Effect.scoped,
    Effect.timeout("1 second"),
    Effect.orElseSucceed(() => 0)
  )

/** A stream whose transport is known later. */
export class LateStream extends Duplex {
  readonly #opening: Promise<Duplex>
  #stream: Duplex | undefined

  constructor(opening: Promise<Duplex>) {
    super()
    this.#opening = opening
  }

  override _construct(callback: (error?: Error | null) => void): void {
    callbackify(() => this.#opening)((error, stream) => {
      if (error !== null) return callback(error)
      this.#stream = stream
      stream.on("data", (chunk: Buffer) => this.push(chunk) || stream.pause())
      stream.on("end", () => this.push(null))
      stream.on("error", (cause) => this.destroy(cause))
      stream.on("close", () => this.destroy())
      callback()
    })
  }

  override _read(): void {
    this.#stream?.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#stream?.write(chunk, callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#stream?.end(callback)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#stream?.destroy()
    callback(error)
  }
}
