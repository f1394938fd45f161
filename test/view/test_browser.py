# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The page in a real Chromium: pictures move, the stop stops, and what is dead is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('uvicorn', reason='the page is in the extra "view"')
webdriver = pytest.importorskip('selenium.webdriver', reason='selenium is in the extra "test"')

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from view_server import TOKEN, served, until

from world_model_ros.bench.chromium import chromium, missing
from world_model_ros.telemetry.robot_view import NodeStatus, RobotView
from world_model_ros.view.ahead import Ahead
from world_model_ros.view.state import state_of
from world_model_ros.view.update import Update
from world_model_ros.view.view_picture import picture_of

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or 'all is there')


@pytest.fixture(scope='module')
def browser():
    with chromium() as driver:
        yield driver


class Robot:
    """Posts what a running robot would, one tick after the other."""

    def __init__(self, serving):
        self.serving, self.number, self.alarms = serving, 0, []
        self.view = RobotView()
        self.view.hear('agent', NodeStatus(0, 'active: running', {'role': 'active'}))
        self.planned = True
        self.no_belief, self.imagined, self.marks, self.inside = '', None, [], ''

    def tick(self):
        self.number += 1
        number, shade = self.number, 40 * self.number % 256
        grey = np.full((64, 64, 3), shade, np.uint8)
        numbers = {'joints': [[0.1 * number, 0.0, 0.0, 0.0]] * 2}
        row = {
            't': 0.04 * number,
            'seen': {'joints': [0.1 * number, -0.1, 0.0, 0.0]},
            'sent': [0.01, -0.01],
            'surprise': 1.0,
        }
        state = {
            **state_of(self.view, None, {}),
            'alarms': self.alarms,
            'no_belief': self.no_belief,
            'imagined': self.imagined,
            'marks': self.marks,
            'inside': self.inside,
            'dropped': {},
            'viewers': 1,
        }
        pictures = [picture_of('camera', 'seen', grey)]
        if not self.no_belief:
            pictures.append(picture_of('camera', 'believed', grey))
        other, ahead = (
            Ahead(
                round(0.04 * number * 1e9), under, (0.5, 1.0), numbers,
                tuple(picture_of('camera', what, grey, s) for s in (0.5, 1.0)), reward,
            )
            for under, what, reward in (
                ('its policy', 'rejected', 0.5), ('the plan in execution', 'imagined', 0.75)
            )
        )  # fmt: skip
        if self.planned:
            ahead = replace(ahead, rejected=other)
        self.serving.source.board.post(
            Update(number, state, [(number, row)], tuple(pictures), number, ahead, number)
        )


def shade(browser, what):
    """The grey of a picture's middle, as it is drawn; -1 where there is none yet."""
    return browser.execute_script(
        'const c = document.querySelector(`[data-what="${arguments[0]}"]`);'
        'if (!c) return -1;'
        'const copy = new OffscreenCanvas(64, 64).getContext("2d", {willReadFrequently: true});'
        'copy.drawImage(c, 0, 0);'
        'return copy.getImageData(32, 32, 1, 1).data[0];',
        what,
    )


def red_in_a_curve(browser):
    """Whether the curve of what was sent, which is blue, has anything red."""
    return browser.execute_script(
        'const figures = [...document.querySelectorAll("#curves figure")];'
        'const canvas = figures.find((f) => f.textContent.startsWith("sent")).lastChild;'
        'const {width, height} = canvas;'
        'const copy = new OffscreenCanvas(width, height);'
        'const pen = copy.getContext("2d", {willReadFrequently: true});'
        'pen.drawImage(canvas, 0, 0);'
        'const data = pen.getImageData(0, 0, width, height).data;'
        'for (let i = 0; i < data.length; i += 4)'
        '  if (data[i + 3] > 60 && data[i] - Math.max(data[i + 1], data[i + 2]) > 60) return true;'
        'return false;'
    )


def text(browser, name):
    return browser.find_element(By.ID, name).text


def shown(browser, name):
    return browser.find_element(By.ID, name).is_displayed()


def test_the_page_of_a_running_robot(browser):
    with served() as serving:
        robot, hands = Robot(serving), serving.source.hands
        browser.get(f'http://127.0.0.1:{serving.port}/#token=wrong')
        until(lambda: 'wrong token' in text(browser, 'answer'), 'a wrong token to be refused')
        assert 'token' not in browser.current_url
        for _ in range(3):  # pictures move
            robot.tick()
            for what in ('seen', 'believed', 'imagined', 'rejected'):
                until(lambda w=what: shade(browser, w) == 40 * robot.number % 256, what)
        canvas = browser.find_element(By.CSS_SELECTOR, '[data-what="seen"]')
        assert float(canvas.get_attribute('data-seconds')) == pytest.approx(0.04 * robot.number)
        assert text(browser, 'robot') == 'reacher' and 'active' in text(browser, 'chips')
        assert text(browser, 'under') == 'Imagined under the plan in execution, reward 0.75.'
        assert text(browser, 'rejected') == 'Below it, rejected: its policy alone, reward 0.50.'
        robot.planned = False
        robot.tick()
        until(lambda: not text(browser, 'rejected'), 'no plan that won')
        assert not browser.find_element(By.CSS_SELECTOR, '.strip.rejected').is_displayed()
        browser.find_element(By.ID, 'stop').click()
        until(lambda: 'needs the token' in text(browser, 'answer'), 'the token to be asked for')
        assert hands.done == []
        field = browser.find_element(By.ID, 'token')
        field.send_keys(TOKEN, Keys.ENTER)
        until(lambda: shown(browser, 'acts'), 'the hands')
        browser.find_element(By.ID, 'stop').click()  # the stop stops
        until(lambda: hands.done == ['stop'], 'the stop')
        browser.find_element(By.TAG_NAME, 'body').send_keys(' ')
        until(lambda: hands.done == ['stop', 'stop'], 'the stop by the space bar')
        until(lambda: 'stop: done' in text(browser, 'answer'), 'the answer')
        browser.find_element(By.ID, 'drive').click()
        body = browser.find_element(By.TAG_NAME, 'body')
        webdriver.ActionChains(browser).key_down(Keys.ARROW_RIGHT, body).perform()
        until(lambda: [1, 0] in hands.driven, 'to drive')
        webdriver.ActionChains(browser).key_up(Keys.ARROW_RIGHT, body).perform()
        until(lambda: hands.driven[-1] == [0, 0], 'to stand')
        pad = 'navigator.getGamepads = () => [null, {connected: true, axes: [0.1, -0.5]}]'
        browser.execute_script(pad)
        until(lambda: hands.driven[-1] == [0, -0.5], 'to drive with a stick')
        body.send_keys(Keys.ESCAPE)
        until(lambda: hands.let_go_count == 1, 'to let go')
        robot.alarms = ['agent: silent for 1.3 s']
        robot.tick()
        until(lambda: text(browser, 'alarm') == robot.alarms[0], 'a dead robot')
        robot.alarms, robot.no_belief = [], 'its bundle cannot decode'
        robot.tick()
        until(lambda: not shown(browser, 'alarm'), 'the end of the alarm')
        assert 'cannot decode' in text(browser, 'no_belief')
        robot.imagined = {'words': 'imagined by b', 'fade': 0.25}  # an imagined robot fades
        robot.tick()
        until(lambda: 'imagined robot, 75 % known' in text(browser, 'chips'), 'how much is known')
        border = 'return getComputedStyle(document.querySelector(".seen canvas")).outlineWidth'
        assert browser.execute_script(border) not in ('', '0px')
        robot.imagined = None
        robot.tick()
        until(lambda: 'imagined' not in text(browser, 'chips'), 'a robot that is none')
        assert browser.execute_script(border) == '0px'
        robot.marks = [{'t_ms': 40 * robot.number, 'words': 'knocked: shifted', 'knock': True}]
        robot.tick()
        until(lambda: 'knocked: shifted, at' in text(browser, 'state'), 'the knock')
        until(lambda: red_in_a_curve(browser), 'a mark on the curves')
        assert not browser.find_element(By.ID, 'inside').is_enabled()
        robot.marks, robot.inside = [], 'world-model imagine --from /e@3'
        robot.tick()
        until(lambda: browser.find_element(By.ID, 'inside').is_enabled(), 'a place')
        browser.find_element(By.ID, 'inside').click()
        until(lambda: text(browser, 'inside_line') == robot.inside, 'the command')
        until(lambda: not red_in_a_curve(browser), 'no mark')
        browser.refresh()  # knows the token yet
        robot.tick()
        until(lambda: shown(browser, 'acts'), 'the hands again')
        until(lambda: 'no word from the view' in text(browser, 'alarm'), 'a dead dashboard')
        assert browser.get_log('browser') == []


def test_several_robots_stand_side_by_side_and_stop_together(browser):
    with served('left', 'right') as serving:
        browser.get(f'http://127.0.0.1:{serving.port}/#token={TOKEN}')
        until(lambda: len(browser.find_elements(By.TAG_NAME, 'iframe')) == 2, 'two robots')
        assert 'token' not in browser.current_url
        hands = [source.hands for source in serving.sources.values()]
        for frame in browser.find_elements(By.TAG_NAME, 'iframe'):
            browser.switch_to.frame(frame)
            until(lambda: browser.find_elements(By.ID, 'acts') and shown(browser, 'acts'), 'hands')
            assert text(browser, 'robot') == 'reacher'
            browser.switch_to.default_content()
        browser.find_element(By.ID, 'stop_all').click()
        until(lambda: [hand.done for hand in hands] == [['stop'], ['stop']], 'both to stop')
        browser.find_element(By.TAG_NAME, 'body').send_keys(' ')
        until(
            lambda: [len(hand.done) for hand in hands] == [2, 2], 'both to stop by the space bar'
        )
        left, right = (frame.rect for frame in browser.find_elements(By.TAG_NAME, 'iframe'))
        assert left['x'] + left['width'] <= right['x'] and left['y'] == right['y']
        assert browser.get_log('browser') == []


def test_nothing_reaches_over_the_edge_of_a_phone(browser):
    with served() as serving:
        robot = Robot(serving)
        browser.execute_cdp_cmd(
            'Emulation.setDeviceMetricsOverride',
            {'width': 390, 'height': 844, 'deviceScaleFactor': 2, 'mobile': True},
        )
        browser.get(f'http://127.0.0.1:{serving.port}/')
        robot.tick()
        until(lambda: shade(browser, 'imagined') >= 0, 'a picture')
        wide = browser.execute_script('return document.documentElement.scrollWidth')
        assert wide <= 390
        browser.execute_script('window.scrollTo(0, document.body.scrollHeight)')
        place = browser.execute_script(
            'return document.getElementById("stop").getBoundingClientRect().toJSON()'
        )
        assert place['top'] >= 0 and place['bottom'] <= 844  # the stop is always there
        browser.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})
