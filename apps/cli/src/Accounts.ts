import { PasswordPolicySettings } from "@user-service/core/accounts/PasswordPolicySettings"
import { StaffAccounts } from "@user-service/core/accounts/StaffAccounts"
import { Storage } from "@user-service/database/Storage"
import * as Environment from "@user-service/runtime/Environment"
import { PasswordEstimator } from "@user-service/security/PasswordEstimator"
import { PasswordHasher } from "@user-service/security/PasswordHasher"
import { PasswordSettings } from "@user-service/security/PasswordSettings"
import { Effect, Layer } from "effect"
import { SecureRandom } from "effect/crypto"

/** {@link StaffAccounts} over a database, without the other engines. */
export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const settings = yield* Environment.read({
      passwords: PasswordSettings.config,
      passwordPolicy: PasswordPolicySettings.config
    })
    return StaffAccounts.layer.pipe(
      Layer.provide([PasswordEstimator.layer, PasswordHasher.layer, SecureRandom.layerWebCrypto, Storage.layer]),
      Layer.provide([
        Layer.succeed(PasswordPolicySettings, settings.passwordPolicy),
        Layer.succeed(PasswordSettings, settings.passwords)
      ])
    )
  })
)
