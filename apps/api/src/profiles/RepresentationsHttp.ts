import { Representations } from "@user-service/core/cached/Representations"
import { preferencesBody } from "@user-service/schema/Preferences"
import { userBody } from "@user-service/schema/User"
import { Layer } from "effect"

/** {@link Representations} as bodies of the HTTP API. */
export const RepresentationsHttp = Layer.succeed(Representations, {
  user: (user) => JSON.stringify(userBody(user)),
  preferences: (preferences) => JSON.stringify(preferencesBody(preferences))
})
