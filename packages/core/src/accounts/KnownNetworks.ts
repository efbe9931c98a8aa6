// Known networks as keyed hashes instead of addresses (decision 0028).
import type { UserId } from "@user-service/domain/User"
import { KeyedHashes } from "@user-service/security/KeyedHashes"
import { Context, DateTime, Effect, Layer } from "effect"
import { CurrentOrigin } from "../Origin.ts"
import type { Query } from "../Rows.ts"
import { KnownNetworksRepo } from "./KnownNetworksRepo.ts"

const purpose = "known-network"

/** The /24 of an IPv4 address; for IPv6 the /64 itself. */
const deviceNetwork = (network: string): string =>
  network.includes(":") ? network : network.replace(/\.\d+$/, ".0/24")

/**
 * The networks from which each account is used, stored as keyed hashes for {@link knownNetworkRetention}. Limits treat an
 * address (IPv4, or an IPv6 /64) as known for 30 days. A device is new when its network (/24, /64) is unknown.
 */
export class KnownNetworks extends Context.Service<
  KnownNetworks,
  {
    /** The hash of this request's address, for {@link AccountsRepo.credentials}. */
    readonly addressHash: Effect.Effect<Uint8Array>
    /**
     * Makes the network of this request known to the account: after a registration, and after the confirmation of a mail. Runs
     * in the caller's transaction. Does nothing without a client's address.
     */
    readonly record: (userId: UserId) => Query<void>
    /**
     * As `record`, for a login, in a transaction that has locked the user and before the time of the login is stored. Returns
     * whether the user must be told of a new device: at most once a day for a known user agent, and never at the first login of
     * an account without a known network, such as an imported one.
     */
    readonly recordLogin: (userId: UserId) => Query<boolean>
    /** The hashes that make a network known, by kind. For accounts that are imported. */
    readonly hashesOf: (
      network: string
    ) => ReadonlyArray<{ readonly kind: "address" | "network"; readonly hash: Uint8Array }>
    /** Makes all networks unknown, when the account turns out to be somebody else's. Runs in the caller's transaction. */
    readonly forget: (userId: UserId) => Query<void>
  }
>()("@user-service/core/accounts/KnownNetworks") {
  static readonly layerNoDeps = Layer.effect(
    KnownNetworks,
    Effect.gen(function* () {
      const repo = yield* KnownNetworksRepo
      const hashes = yield* KeyedHashes

      const addressHashOf = (network: string) => hashes.hash(purpose, `address ${network}`)
      const networkHashOf = (network: string) => hashes.hash(purpose, `network ${deviceNetwork(network)}`)

      const hashesOf = (network: string) => [
        { kind: "address" as const, hash: addressHashOf(network) },
        { kind: "network" as const, hash: networkHashOf(network) }
      ]

      const addressHash = Effect.map(CurrentOrigin, ({ network }) => addressHashOf(network))

      const hashedOrigin = Effect.gen(function* () {
        const origin = yield* CurrentOrigin
        return {
          address: yield* addressHash,
          network: networkHashOf(origin.network),
          userAgent: hashes.hash(purpose, `user_agent ${origin.userAgent}`),
          origin
        }
      })

      const record = Effect.fn("KnownNetworks.record")(function* (userId: UserId) {
        const hashed = yield* hashedOrigin
        if (hashed.origin.ip !== null) yield* repo.record(userId, hashed, yield* DateTime.now)
      })

      const recordLogin = Effect.fn("KnownNetworks.recordLogin")(function* (userId: UserId) {
        const hashed = yield* hashedOrigin
        return hashed.origin.ip !== null && (yield* repo.recordLogin(userId, hashed, yield* DateTime.now))
      })

      return { addressHash, record, recordLogin, hashesOf, forget: repo.remove }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(KnownNetworksRepo.layer))
}
