# An image of weir: docker build -t weir . && docker run --rm --stop-timeout 90 -v weir-data:/var/lib/weir -p 127.0.0.1:7080:7080 \
#     -e WEIR_PLAIN_HTTP_BEYOND_LOOPBACK=true weir
# It listens on every address, so it starts with a certificate (WEIR_TLS_CERTIFICATE, WEIR_TLS_KEY), or where it is told that plain HTTP will do.
# Tests/sdk/test_packaging.py tries its steps where there is no engine.

FROM swift:6.3-bookworm AS build
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends libsqlite3-dev libpq-dev pkg-config \
        libavcodec-dev libswscale-dev libjpeg-dev libpng-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.swift ./
COPY Migrations Migrations
COPY Sources Sources
COPY Tests Tests
COPY ops ops
RUN swift build -c release --product weir --static-swift-stdlib \
    && swift build -c release --product weir-frames --static-swift-stdlib \
    && install -D -m 755 -t /out "$(swift build -c release --show-bin-path)/weir" "$(swift build -c release --show-bin-path)/weir-frames"

FROM debian:bookworm-slim
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends ca-certificates libpq5 libsqlite3-0 \
        libavcodec59 libswscale6 libjpeg62-turbo libpng16-16 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home weir \
    && install -d -o weir -g weir -m 700 /var/lib/weir
COPY --from=build /out/weir /out/weir-frames /usr/local/bin/
USER 10001:10001
VOLUME /var/lib/weir
EXPOSE 7080
ENV WEIR_HOST=0.0.0.0 WEIR_DATA_DIR=/var/lib/weir WEIR_AUDIT=file
STOPSIGNAL SIGTERM
ENTRYPOINT ["weir"]
CMD ["serve"]
