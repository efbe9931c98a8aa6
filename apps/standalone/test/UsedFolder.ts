import { Context, Effect, Layer } from "effect"
import * as Program from "./Program.ts"

/** A DATA_DIR that was started on before, and so starts fast; free between tests. */
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
