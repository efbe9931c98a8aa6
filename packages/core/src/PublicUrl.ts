import { Config, Context, Option, Schema } from "effect"

const message = "must be an http:// or https:// URL without user information, query and fragment"

const isBase = ({ hash, password, port, protocol, search, username }: URL): boolean =>
  /^https?:$/.test(protocol) && port !== "0" && `${username}${password}${search}${hash}` === ""

const PublicUrlText = Schema.String.check(
  Schema.makeFilter(
    (text: string) => (/^https?:\/\/[^\s\\?#@]+$/i.test(text) && URL.canParse(text) && isBase(new URL(text))) || message
  )
)

/** The address at which people reach this service, for links in mails. It has no slash at its end, and may have a path. */
export class PublicUrl extends Context.Service<PublicUrl, string>()("@user-service/core/PublicUrl") {
  /** `PUBLIC_URL`. The default is the port on this machine, which only a browser on it can open. */
  static readonly config: Config.Config<{ readonly url: string; readonly isSet: boolean }> = Config.all({
    url: Config.option(Config.schema(PublicUrlText, "PUBLIC_URL")),
    port: Config.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 })), "PORT").pipe(
      Config.withDefault(8000)
    )
  }).pipe(
    Config.map(({ port, url }) => ({
      url: Option.match(url, {
        onNone: () => `http://localhost:${port}`,
        onSome: (text) => new URL(text).href.replace(/\/+$/, "")
      }),
      isSet: Option.isSome(url)
    }))
  )
}
