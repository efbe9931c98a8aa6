import type { layerEmbedded } from "../TestApi.ts"

/** Builds the service on some engines, with additional environment variables. */
export type Engines = (environment?: Readonly<Record<string, string>>) => ReturnType<typeof layerEmbedded>
