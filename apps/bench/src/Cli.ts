import { Console, Effect, FileSystem, Layer, Option, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { availableParallelism, cpus } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { Bench } from "./Bench.ts"
import { Figure } from "./Figure.ts"
import { against, type NoOtherBuild } from "./measures/Against.ts"
import { brokerOutage } from "./measures/BrokerOutage.ts"
import { commands } from "./measures/Commands.ts"
import { consoleLoad } from "./measures/ConsoleLoad.ts"
import { commitToConsumer } from "./measures/CommitToConsumer.ts"
import { growth } from "./measures/Growth.ts"
import { imports } from "./measures/Imports.ts"
import { idle } from "./measures/Idle.ts"
import { logins } from "./measures/Logins.ts"
import { memory } from "./measures/Memory.ts"
import { outboxRelay } from "./measures/OutboxRelay.ts"
import { pauses } from "./measures/Pauses.ts"
import { profileReads } from "./measures/ProfileReads.ts"
import { loginStorm, readsDuringLogins } from "./measures/ReadsDuringLogins.ts"
import { refreshes } from "./measures/Refreshes.ts"
import { resolutions } from "./measures/Resolutions.ts"
import { staffPages } from "./measures/StaffPages.ts"
import { starts } from "./measures/Starts.ts"
import { statuses } from "./measures/Statuses.ts"
import { telemetry } from "./measures/Telemetry.ts"
import { writes as writeRates } from "./measures/Writes.ts"
import type { NotReady } from "./Processes.ts"
import { svg } from "./Plot.ts"
import { intoReadme, table } from "./Report.ts"

type Run = (minutes: number) => Effect.Effect<ReadonlyArray<Figure>, NotReady | NoOtherBuild, Bench>

const measures = {
  P1: () => profileReads,
  P3: () => writeRates,
  P4: () => logins,
  P5: () => readsDuringLogins,
  P6: () => loginStorm,
  P7: () => refreshes,
  P8: () => outboxRelay,
  P9: () => commitToConsumer,
  P10: () => statuses,
  P11: () => resolutions,
  P12: () => starts,
  P13: (minutes: number) => memory(minutes),
  P14: () => growth,
  P15: () => idle,
  P17: () => imports,
  P18: () => staffPages,
  commands: () => commands,
  console: () => consoleLoad,
  outage: () => brokerOutage,
  pauses: () => pauses,
  telemetry: () => telemetry
} satisfies Record<string, Run>
const ids: ReadonlyArray<string> = Object.keys(measures)
// `against` is not in the table, and runs only if `--only` names it.
const runs: ReadonlyMap<string, Run> = new Map<string, Run>([...Object.entries(measures), ["against", () => against]])

const flags = {
  databaseUrl: Flag.String("database-url").pipe(
    Flag.withDefault("postgres://postgres@127.0.0.1:5432/postgres"),
    Flag.withDescription("A PostgreSQL server on this machine; the run creates a database on it")
  ),
  redisUrl: Flag.String("redis-url").pipe(Flag.withDefault("redis://127.0.0.1:6379")),
  rabbitmqUrl: Flag.String("rabbitmq-url").pipe(Flag.withDefault("amqp://guest:guest@127.0.0.1:5672")),
  rounds: Flag.Int("rounds").pipe(
    Flag.withDefault(3),
    Flag.withDescription("How often each pair is measured, alternately")
  ),
  seconds: Flag.Int("seconds").pipe(
    Flag.withDefault(6),
    Flag.withDescription("The seconds that each side is measured in a round")
  ),
  minutes: Flag.Int("minutes").pipe(Flag.withDefault(10), Flag.withDescription("The minutes that P13 loads each side")),
  only: Flag.optional(
    Flag.String("only").pipe(Flag.withDescription(`A comma-separated list of ${ids.join(",")}; all by default`))
  ),
  against: Flag.optional(
    Flag.String("against").pipe(
      Flag.withDescription(
        "For --only against: apps/api/bundle/main.js of another checkout, which this build is compared with"
      )
    )
  ),
  starts: Flag.Int("starts").pipe(
    Flag.withDefault(5),
    Flag.withDescription("For --only against: how often both builds are started")
  ),
  writes: Flag.Boolean("write").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Writes the table and the plot into this folder")
  )
}

const folder = join(import.meta.dirname, "..")

const measure = Effect.fnUntraced(function* (only: Option.Option<string>, minutes: number) {
  const wanted = Option.match(only, { onNone: () => ids, onSome: (text) => text.split(",") })
  const figures: Array<Figure> = []
  for (const id of wanted) {
    const run = runs.get(id)
    if (run === undefined) return yield* Effect.die(`Unknown measure ${id}; the measures are ${ids.join(", ")}`)
    const found = yield* run(minutes)
    yield* Console.error(table(found))
    figures.push(...found)
  }
  return figures
})

const FiguresFile = Schema.fromJsonString(Schema.Array(Figure))

// Figures that this run did not measure keep their earlier values.
const mergeFigures = Effect.fnUntraced(function* (path: string, measured: ReadonlyArray<Figure>) {
  const files = yield* FileSystem.FileSystem
  const kept = (yield* files.exists(path))
    ? yield* Schema.decodeUnknownEffect(FiguresFile)(yield* files.readFileString(path))
    : []
  const all = [...kept.filter(({ id }) => measured.every((figure) => figure.id !== id)), ...measured]
  const figures = ids.flatMap((id) => all.filter((figure) => figure.id === id))
  yield* files.writeFileString(path, `${JSON.stringify(figures, null, 2)}\n`)
  return figures
})

const write = Effect.fnUntraced(function* (measured: ReadonlyArray<Figure>, rounds: number, seconds: number) {
  const files = yield* FileSystem.FileSystem
  const figures = yield* mergeFigures(join(folder, "figures.json"), measured)
  const conditions =
    `Measured with \`npm run bench\` on ${availableParallelism()} cores (${cpus()[0]?.model ?? "unknown"}), ` +
    `Node ${process.version}, ${rounds} rounds of ${seconds} s a side by turns; the engines, the load and the service ` +
    "share the machine."
  const readme = join(folder, "README.md")
  yield* files.writeFileString(readme, intoReadme(yield* files.readFileString(readme), conditions, figures))
  yield* files.writeFileString(join(folder, "figures.svg"), svg(figures))
})

/** Measures, prints the table, and with `--write` writes it to the README. */
export const bench = Command.make("bench", flags, ({ minutes, only, writes, ...settings }) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const figures = yield* measure(only, minutes)
      yield* Console.log(table(figures))
      if (writes) yield* write(figures, settings.rounds, settings.seconds)
    })
  ).pipe(Layer.provide(Bench.layer(settings)), Layer.build, Effect.scoped)
)
