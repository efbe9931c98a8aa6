import { Effect } from "effect"
import { Bench } from "../Bench.ts"
import type { Figure } from "../Figure.ts"
import { closedLoop } from "../load/Load.ts"
import { residentBytes, type ServerProcess } from "../Processes.ts"
import { readers } from "./ProfileReads.ts"
import type { Client } from "../load/Load.ts"

const megabytes = (bytes: number): number => bytes / 1024 / 1024

// The resident memory after two minutes of load and at its end, in bytes.
const memoryUnderLoad = (server: ServerProcess, clients: ReadonlyArray<Client>, minutes: number) =>
  Effect.promise(async () => {
    await closedLoop({ url: server.url, seconds: 120, clients })
    const early = residentBytes(server.pid)
    await closedLoop({ url: server.url, seconds: (minutes - 2) * 60, clients })
    return { early, late: residentBytes(server.pid) }
  })

/** P13. A valid figure needs ten minutes. */
export const memory = (minutes: number) =>
  Effect.gen(function* () {
    const { floor, floorToken, service, users } = yield* Bench
    const ours = yield* memoryUnderLoad(
      service,
      readers(users, (user) => user.access),
      minutes
    )
    const baseline = yield* memoryUnderLoad(floor, readers(users, floorToken), minutes)
    return [
      {
        id: "P13",
        measure: `resident memory after ${minutes} minutes of P1's load, over the floor's`,
        unit: "MB",
        goal: { must: 3, aim: 2, better: "lower" },
        ours: megabytes(ours.late),
        baseline: megabytes(baseline.late),
        ratio: ours.late / baseline.late
      },
      {
        id: "P13",
        measure: `its growth from minute 2 to ${minutes}`,
        unit: "MB",
        goal: { must: 1.1, aim: 1.03, better: "lower" },
        ours: megabytes(ours.late),
        baseline: megabytes(ours.early),
        ratio: ours.late / ours.early
      }
    ] satisfies ReadonlyArray<Figure>
  })
