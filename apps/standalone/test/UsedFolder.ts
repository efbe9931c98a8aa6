import { Context, Effect, Layer } from "effect"
import * as Program from "./Program.ts"

/** A DATA_DIR of an earlier start, on which a start is fast. No program uses it between tests. */
export class UsedFolder extends Context.Service<UsedFolder, string>()("@user-service/standalone/test/UsedFolder") {
  static readonly layer = Layer.effect(
    UsedFolder,
    Effect.gen(function* () {
      const path = yield* Program.folder
      yield* Effect.scoped(Effect.flatMap(Program.start({ DATA_DIR: path }), ({ stop }) => stop))
      return path
    })
  )
}
