import { AccountsRepo } from "@user-service/core/accounts/AccountsRepo"
import { NewUsers } from "@user-service/core/accounts/NewUsers"
import { config as passwordPolicyConfig, PasswordPolicy } from "@user-service/core/accounts/PasswordPolicy"
import { Passwords } from "@user-service/core/accounts/Passwords"
import { StaffAccounts } from "@user-service/core/accounts/StaffAccounts"
import { Changes } from "@user-service/core/changes/Changes"
import { ChangesRepo } from "@user-service/core/changes/ChangesRepo"
import { Invalidations } from "@user-service/core/cached/Invalidations"
import { OutboxSignal } from "@user-service/core/changes/OutboxSignal"
import { Storage } from "@user-service/database/Storage"
import * as Environment from "@user-service/runtime/Environment"
import { PasswordEstimator } from "@user-service/security/PasswordEstimator"
import { config as passwordsConfig, PasswordHasher } from "@user-service/security/PasswordHasher"
import { Effect, Layer } from "effect"
import { SecureRandom } from "effect/crypto"

// Of somebody new nothing is cached anywhere.
const NothingCached = Layer.succeed(Invalidations, { apply: () => Effect.void, touch: () => Effect.void })

/** {@link StaffAccounts} over the database alone. */
export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const settings = yield* Environment.read({ passwords: passwordsConfig, passwordPolicy: passwordPolicyConfig })
    const Foundations = Layer.mergeAll(
      Storage.layer,
      PasswordHasher.layer(settings.passwords),
      PasswordPolicy.layer({ minLength: settings.passwordPolicy }).pipe(
        Layer.provide(PasswordEstimator.layer({ queueSize: settings.passwords.queueSize }))
      ),
      SecureRandom.layerWebCrypto
    )
    const Parts = Layer.mergeAll(Changes.layer, NewUsers.layer, Passwords.layer).pipe(
      Layer.provide([NothingCached, OutboxSignal.layer])
    )
    return StaffAccounts.layer.pipe(
      Layer.provide(Parts),
      Layer.provide([AccountsRepo.layer, ChangesRepo.layer]),
      Layer.provide(Foundations)
    )
  })
)
