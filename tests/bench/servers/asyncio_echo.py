"""Echo on Python's asyncio streams; with the argument "uvloop", on uvloop."""

import asyncio
import sys

if "uvloop" in sys.argv:
    import uvloop

    uvloop.install()


async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=511)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
