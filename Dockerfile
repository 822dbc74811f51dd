# An image of weir: docker build -t weir . && docker run --rm -p 7080:7080 -v weir-data:/var/lib/weir weir
# Tests/sdk/test_packaging.py tries its steps where there is no engine.

FROM swift:6.3-bookworm AS build
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends libsqlite3-dev libpq-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Package.swift ./
COPY Migrations Migrations
COPY Sources Sources
COPY Tests Tests
COPY ops ops
RUN swift build -c release --product weir --static-swift-stdlib \
    && install -D -m 755 "$(swift build -c release --show-bin-path)/weir" /out/weir

FROM debian:bookworm-slim
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends ca-certificates libpq5 libsqlite3-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home weir \
    && install -d -o weir -g weir -m 700 /var/lib/weir
COPY --from=build /out/weir /usr/local/bin/weir
USER 10001:10001
VOLUME /var/lib/weir
EXPOSE 7080
ENV WEIR_HOST=0.0.0.0 WEIR_DATA_DIR=/var/lib/weir
STOPSIGNAL SIGTERM
ENTRYPOINT ["weir"]
CMD ["serve"]
