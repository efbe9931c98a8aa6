import { Cache } from "@user-service/cache/Cache"
import { RateLimits } from "@user-service/cache/RateLimits"
import { AccountsRepo } from "@user-service/core/accounts/AccountsRepo"
import { NewAccounts } from "@user-service/core/accounts/NewAccounts"
import { config as passwordPolicyConfig, PasswordPolicy } from "@user-service/core/accounts/PasswordPolicy"
import { Passwords } from "@user-service/core/accounts/Passwords"
import { Changes } from "@user-service/core/changes/Changes"
import { ChangesRepo } from "@user-service/core/changes/ChangesRepo"
import { Invalidations } from "@user-service/core/changes/Invalidations"
import { OutboxSignal } from "@user-service/core/changes/OutboxSignal"
import { config as limitsConfig, Limits } from "@user-service/core/limits/Limits"
import { ProfilesRepo } from "@user-service/core/profiles/ProfilesRepo"
import { PushTokensRepo } from "@user-service/core/push-tokens/PushTokensRepo"
import { config as maxPushTokensConfig, Registrations } from "@user-service/core/push-tokens/Registrations"
import { LiveSessions } from "@user-service/core/sessions/LiveSessions"
import { SessionChanges } from "@user-service/core/sessions/SessionChanges"
import { config as sessionConfig, SessionSettings } from "@user-service/core/sessions/SessionSettings"
import { SessionsRepo } from "@user-service/core/sessions/SessionsRepo"
import { SessionTokens } from "@user-service/core/sessions/SessionTokens"
import { Storage } from "@user-service/database/Storage"
import * as Environment from "@user-service/domain/Environment"
import { Keys } from "@user-service/security/Keys"
import { config as passwordsConfig, PasswordHasher } from "@user-service/security/PasswordHasher"
import { TokenSigner } from "@user-service/security/TokenSigner"
import { Effect, Layer } from "effect"
import { Digest, SecureRandom } from "effect/crypto"

const Repos = Layer.mergeAll(
  AccountsRepo.layer,
  ChangesRepo.layer,
  ProfilesRepo.layer,
  PushTokensRepo.layer,
  SessionsRepo.layer
)

const ChangesLive = Changes.layer.pipe(
  Layer.provide([Invalidations.layer, OutboxSignal.layer]),
  Layer.provide(LiveSessions.layer)
)

// A member of staff is made without a session, so nothing is signed with these.
const Signer = TokenSigner.layer({ algorithm: "EdDSA", issuer: "none", audience: "none" }).pipe(
  Layer.provide(Keys.layerMemory)
)

/** {@link NewAccounts} for an operator, over the database alone: nothing of a new user is cached or counted elsewhere. */
export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const settings = yield* Environment.read({
      passwords: passwordsConfig,
      passwordPolicy: passwordPolicyConfig,
      sessions: sessionConfig,
      limits: limitsConfig,
      maxPushTokens: maxPushTokensConfig
    })
    const Foundations = Layer.mergeAll(
      Storage.layer,
      Cache.layerMemory,
      Limits.layer(settings.limits).pipe(Layer.provide(RateLimits.layerMemory)),
      Layer.succeed(SessionSettings, settings.sessions),
      PasswordHasher.layer(settings.passwords),
      PasswordPolicy.layer({ minLength: settings.passwordPolicy }),
      Signer,
      Digest.layerWebCrypto,
      SecureRandom.layerWebCrypto
    )
    const Parts = Layer.mergeAll(
      ChangesLive,
      SessionTokens.layer,
      SessionChanges.layer,
      Registrations.layer({ maxActive: settings.maxPushTokens }),
      Passwords.layer
    )
    return NewAccounts.layer.pipe(Layer.provide(Parts), Layer.provide(Repos), Layer.provide(Foundations))
  })
)
