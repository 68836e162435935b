// Prints whose token @azure/identity gets: the client id in it. With an argument it asks
// for the user-assigned identity of that client id, without one for what the environment
// says by itself; "default" uses DefaultAzureCredential.
import { DefaultAzureCredential, ManagedIdentityCredential } from "@azure/identity";

const [kind] = process.argv.slice(2);
const credential =
  kind === "default" ? new DefaultAzureCredential() : kind ? new ManagedIdentityCredential({ clientId: kind }) : new ManagedIdentityCredential();
const { token, expiresOnTimestamp } = await credential.getToken("https://ossrdbms-aad.database.windows.net/.default");
const hours = (expiresOnTimestamp - Date.now()) / 3600e3;
if (hours < 23 || hours > 25) throw new Error(`the token is taken to live ${hours} hours`);
console.log(JSON.parse(Buffer.from(token.split(".")[1], "base64url")).appid);
