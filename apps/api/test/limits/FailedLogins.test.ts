import { layerEmbedded } from "../TestApi.ts"
import { environment, suite } from "./FailedLoginsSuite.ts"

suite("on the embedded engines", layerEmbedded(environment))
