import { Context, Effect, Layer } from "effect"
import { createHmac, createSecretKey, hkdfSync, type KeyObject } from "node:crypto"
import { Keys } from "./Keys.ts"

/**
 * Keyed hashes of personal data that is only compared, such as addresses: HMAC-SHA-256 with a key for each purpose, derived
 * (HKDF, RFC 5869) from the secret in the key file that is not rotated. Without that file nobody can test guesses against the
 * stored hashes.
 */
export class KeyedHashes extends Context.Service<
  KeyedHashes,
  {
    /** The hash of `text`. `purpose` is a constant: equal texts have unrelated hashes under two purposes. */
    readonly hash: (purpose: string, text: string) => Uint8Array
  }
>()("@user-service/security/KeyedHashes") {
  static readonly layer: Layer.Layer<KeyedHashes, never, Keys> = Layer.effect(
    KeyedHashes,
    Effect.map(Keys, (keys) => {
      // By secret, because the key file may be replaced.
      const derivedKeys = new WeakMap<KeyObject, Map<string, KeyObject>>()

      const keyFor = (purpose: string): KeyObject => {
        const { idSecret } = keys.current()
        const derived = derivedKeys.get(idSecret) ?? new Map<string, KeyObject>()
        derivedKeys.set(idSecret, derived)
        const known = derived.get(purpose)
        if (known !== undefined) return known
        // A key object, because Node imports bytes anew for each HMAC, which takes four times as long as the HMAC.
        const key = createSecretKey(
          new Uint8Array(hkdfSync("sha256", idSecret, "", `user-service/keyed-hash/${purpose}`, 32))
        )
        derived.set(purpose, key)
        return key
      }

      return {
        hash: (purpose, text) => new Uint8Array(createHmac("sha256", keyFor(purpose)).update(text).digest())
      }
    })
  )
}
